/** Answers every question over UDP, late: `slow-upstream.ts MILLISECONDS ADDRESS…`. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { AUTHORITATIVE_ANSWER, decode, encode } from 'dns-packet'

const [delayMs, ...addresses] = process.argv.slice(2)
for (const address of addresses) {
  // The cluster's resolver of the lab has every address of its host.
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', reusePort: true })
  socket.on('message', (packet, from) => setTimeout(() => socket.send(answer(packet), from.port, from.address), Number(delayMs)))
  socket.bind(53, address)
  await once(socket, 'listening')
}
process.stdout.write('ready\n')

function answer(packet: Buffer): Buffer {
  const { id, questions } = decode(packet)
  const name = questions?.[0]?.name ?? '.'
  return encode({ type: 'response', id: id ?? 0, flags: AUTHORITATIVE_ANSWER, questions: questions ?? [], answers: questions?.[0]?.type === 'A' ? [{ type: 'A', name, ttl: 0, data: '192.0.2.9' }] : [] })
}
