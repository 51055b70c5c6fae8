import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { MetricsRegistry } from '../admin/metrics.ts'
import { systemClock } from '../base/clock.ts'
import { MemoryLog } from '../base/log.ts'
import { templatePlugin } from '../plugins/template/index.ts'
import { exchange } from '../../test/support/exchange.ts'
import { encodeAsked } from '../../test/support/query-mix.ts'
import { testServer } from '../../test/support/world.ts'
import { until } from '../../test/support/until.ts'
import { Admission } from './admission.ts'
import { systemRandom } from './host.ts'
import { SocketMark } from './socket-mark.ts'
import { openTcp } from './tcp.ts'

const TIMEOUTS = { readMs: 30_000, writeMs: 5000, idleMs: 10_000, maxTcpQueries: -1 }
const CLIENT_LIMIT = 512

test('one client cannot take all connections: it gets so many, others go on, and what it closes it can open again', async () => {
  const server = await testServer('. {\ntemplate IN A {\nrcode NXDOMAIN\n}\n}', { plugins: [templatePlugin] })
  const metrics = new MetricsRegistry()
  const listener = await openTcp('127.0.0.1', 0, { group: server.generation.wanted[0]!.group, timeouts: TIMEOUTS }, {
    log: new MemoryLog(), clock: systemClock, admission: new Admission({ queries: 1000, connections: 1024, streamBytes: 2 ** 20 }, metrics, systemClock, systemRandom), socketMark: new SocketMark(),
  })
  const sockets: Socket[] = []
  const open = async (localAddress: string) => {
    const socket = connect({ host: '127.0.0.1', port: listener.port, localAddress })
    socket.on('error', () => undefined)
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }
  const refused = async () => /hearth_tcp_connections_refused_total (\d+)/.exec(await metrics.expose())![1]
  try {
    for (let i = 0; i < CLIENT_LIMIT; i++) await open('127.0.0.2')
    const tooMany = await open('127.0.0.2')
    await once(tooMany, 'close')
    assert.equal(await refused(), '1')
    const other = await open('127.0.0.3')
    sockets[0]!.destroy()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const again = await open('127.0.0.2')
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepEqual([other.destroyed, again.destroyed, await refused()], [false, false, '1'])
  } finally {
    for (const socket of sockets) socket.destroy()
    await until(() => sockets.every((socket) => socket.destroyed))
    await listener.drain(1000)
    await server.stop()
  }
})

test('clients that do not read, or do not finish what they ask, are cut off when they hold too much, and others are answered', { timeout: 60_000 }, async () => {
  const server = await testServer(`. {\ntemplate IN TXT {\nanswer ${Array.from({ length: 100 }, () => `"{{ .Name }} 60 IN TXT ${'x'.repeat(250)}"`).join(' ')}\n}\n}`, { plugins: [templatePlugin] })
  const metrics = new MetricsRegistry()
  const admission = new Admission({ queries: 1000, connections: 1024, streamBytes: 2 ** 20 }, metrics, systemClock, systemRandom)
  const listener = await openTcp('127.0.0.1', 0, { group: server.generation.wanted[0]!.group, timeouts: TIMEOUTS }, { log: new MemoryLog(), clock: systemClock, admission, socketMark: new SocketMark() })
  const sockets: Socket[] = []
  let closed = 0
  const open = async () => {
    const socket = connect({ host: '127.0.0.1', port: listener.port })
    socket.on('error', () => undefined)
    socket.on('close', () => closed++)
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }
  const question = encodeAsked({ name: 'long.example.', upper: false, type: 16, rd: true, ad: false, cd: false, edns: undefined }, 7)
  const frame = Buffer.concat([Buffer.of(0, question.length), question])
  try {
    for (let i = 0; i < 20; i++) {
      const socket = await open()
      socket.pause()
      socket.write(Buffer.concat(Array.from({ length: 500 }, () => frame)))
    }
    for (let i = 0; i < 20; i++) (await open()).write(Buffer.concat([Buffer.of(0xff, 0xff), Buffer.alloc(60_000)]))
    await until(async () => Number(/hearth_tcp_connections_cut_total (\d+)/.exec(await metrics.expose())![1]) > 0, 20_000)
    assert.ok(admission.streams.sumBytes <= 2 ** 20)
    const { replies } = await exchange([question], { host: '127.0.0.1', port: listener.port, tcp: true, waitMs: 20_000 })
    assert.equal(replies.length, 1)
  } finally {
    for (const socket of sockets) socket.destroy()
    await until(() => closed === sockets.length)
    await listener.drain(1000)
    await server.stop()
  }
  await until(() => admission.streams.sumBytes === 0)
})
