import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { SelfProbe } from '../server/self-probe.ts'
import { decodeMessage } from '../wire/decode.ts'
import { encodeMessage } from '../wire/encode.ts'
import { FrameReader } from '../wire/frames.ts'
import { until } from '../../test/support/until.ts'
import { Prober } from './prober.ts'

const LOOPBACK = Uint8Array.of(127, 0, 0, 1)

type Voice = 'ours' | 'another' | 'silent'

/** A server for probes on UDP and TCP. Who it is, or whether it answers at all, can be changed. */
async function server(self: SelfProbe, run: (port: number, voices: { udp: Voice; tcp: Voice }) => Promise<void>): Promise<void> {
  const voices: { udp: Voice; tcp: Voice } = { udp: 'ours', tcp: 'ours' }
  const another = new SelfProbe()
  const answer = (packet: Uint8Array, voice: Voice) => (voice === 'silent' ? undefined : encodeMessage((voice === 'ours' ? self : another).answer(decodeMessage(packet))!))
  const tcp = createServer((socket) => {
    const frames = new FrameReader()
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      frames.push(chunk)
      const packet = frames.next()
      const reply = packet === undefined ? undefined : answer(packet, voices.tcp)
      if (reply !== undefined) socket.write(Buffer.concat([Buffer.of(reply.length >> 8, reply.length & 0xff), reply]))
    })
  }).listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const { port } = tcp.address() as { port: number }
  const udp = createSocket('udp4', (packet, from) => {
    const reply = answer(packet, voices.udp)
    if (reply !== undefined) udp.send(reply, from.port, from.address)
  }).bind(port, '127.0.0.1')
  await once(udp, 'listening')
  try {
    await run(port, voices)
  } finally {
    udp.close()
    tcp.close()
  }
}

describe('probes', () => {
  test('tell our own answers from those of another, and silence from both, over UDP and TCP', async () => {
    const selfProbe = new SelfProbe()
    await server(selfProbe, async (port, voices) => {
      const prober = new Prober({ addresses: [LOOPBACK], port }, { clock: systemClock, selfProbe })
      assert.equal((await prober.open()).length, 4)
      prober.start(() => undefined)
      await until(() => prober.verdict().ours && prober.verdict().answered)
      voices.udp = voices.tcp = 'another'
      await until(() => !prober.verdict().ours)
      assert.equal(prober.verdict().answered, true)
      voices.tcp = 'silent'
      await until(() => !prober.verdict().answered)
      assert.match(prober.verdict().silent.join(), /^tcp 127\.0\.0\.1 from port \d+$/)
      voices.udp = 'silent'
      await until(() => prober.verdict().silent.length === 5)
      voices.udp = voices.tcp = 'ours'
      await until(() => prober.verdict().answered && prober.verdict().ours, 10_000)
      prober.close()
    })
  })
})
