/** What every UDP engine does, proved for each of them over real sockets; then what packet workers alone do. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { MetricsRegistry } from '../admin/metrics.ts'
import { systemClock } from '../base/clock.ts'
import { MemoryLog } from '../base/log.ts'
import { isAvailable, loadLibc } from '../native/libc.ts'
import { cachePlugin } from '../plugins/cache/index.ts'
import { hostsPlugin } from '../plugins/hosts/index.ts'
import { templatePlugin } from '../plugins/template/index.ts'
import { decodeMessage } from '../wire/decode.ts'
import { encodeMessage } from '../wire/encode.ts'
import { Message } from '../wire/message.ts'
import { exchange } from '../../test/support/exchange.ts'
import { until } from '../../test/support/until.ts'
import { scripted, testServer } from '../../test/support/world.ts'
import { Admission } from './admission.ts'
import type { Group } from './group.ts'
import type { Listener, Target } from './listener.ts'
import { systemRandom } from './host.ts'
import { SocketMark } from './socket-mark.ts'
import { MmsgEngine } from './mmsg/mmsg-engine.ts'
import { dgramEngine } from './udp.ts'
import type { UdpEngine } from './udp-engine.ts'

const TIMEOUTS = { readMs: 3000, writeMs: 5000, idleMs: 10_000, maxTcpQueries: -1 }
const TEMPLATE = (address: string) => `.:53 {\n template IN A {\n  answer "{{ .Name }} 60 IN A ${address}"\n }\n template IN TXT {\n  answer ${Array.from({ length: 60 }, () => `"{{ .Name }} 60 IN TXT ${'x'.repeat(250)}"`).join(' ')}\n }\n}\n`

function query(name: string, id: number, options: { type?: number; udpSize?: number } = {}): Uint8Array {
  const message = new Message()
  message.id = id
  message.rd = true
  message.questions = [{ name, type: options.type ?? 1, class: 1 }]
  if (options.udpSize !== undefined) message.edns = { udpSize: options.udpSize, version: 0, do: false, z: 0, options: [] }
  return encodeMessage(message)
}

async function groupOf(corefile: string): Promise<Group> {
  const server = await testServer(corefile, { plugins: [cachePlugin, templatePlugin, hostsPlugin] })
  return server.generation.wanted[0]!.group
}

const log = new MemoryLog()
const metrics = new MetricsRegistry()
const world = {
  log, clock: systemClock, admission: new Admission({ queries: 1000, connections: 1000, streamBytes: 2 ** 20 }, metrics, systemClock, systemRandom), socketMark: new SocketMark(),
  traffic: { countMany: () => undefined, sampled: () => undefined },
}

async function mmsgEngine(workers: number): Promise<MmsgEngine> {
  const libc = await loadLibc()
  assert.ok(isAvailable(libc), 'unavailable' in libc ? libc.unavailable : '')
  return new MmsgEngine(libc, world, metrics, workers)
}

const ENGINES: Readonly<Record<string, () => Promise<UdpEngine>>> = {
  'mmsg, one worker': () => mmsgEngine(1),
  'mmsg, two workers': () => mmsgEngine(2),
  dgram: () => Promise.resolve(dgramEngine(world)),
}

for (const [name, make] of Object.entries(ENGINES)) {
  describe(`a UDP engine: ${name}`, () => {
    let engine: UdpEngine
    let target: Target
    const open: Listener[] = []
    before(async () => {
      engine = await make()
      target = { group: await groupOf(TEMPLATE('192.0.2.1')), timeouts: TIMEOUTS }
    })
    after(async () => {
      await Promise.all(open.map((listener) => listener.drain(1000)))
      await engine.close()
    })
    const listen = async (address: string, port = 0): Promise<Listener> => {
      const listener = await engine.open(address, port, target, address)
      open.push(listener)
      return listener
    }

    test('a query is answered, on IPv4 and on IPv6', async () => {
      for (const host of ['127.0.0.1', '::1']) {
        const { port } = await listen(host)
        const { replies } = await exchange(Array.from({ length: 200 }, (_, id) => query(`n${id}.example.`, id)), { host, port, waitMs: 10_000 })
        assert.equal(new Set(replies.map((reply) => reply.readUInt16BE())).size, 200)
        assert.deepEqual([...decodeMessage(replies[0]!).answers[0]!.rdata], [192, 0, 2, 1])
      }
    })

    test('what is no query gets FORMERR, NOTIMP or nothing', async () => {
      const { port } = await listen('127.0.0.1')
      const status = Buffer.from(query('a.example.', 7))
      status[2]! |= 0x10
      const { replies } = await exchange([Buffer.alloc(3), Buffer.from('0001800000010000', 'hex'), status, Buffer.from(query('a.example.', 8)).subarray(0, 15)], { host: '127.0.0.1', port, replies: 2, waitMs: 10_000 })
      assert.deepEqual(replies.map((reply) => reply[3]! & 0xf).sort(), [1, 4])
    })

    test('a reply may be as long as its client allows', async () => {
      const { port } = await listen('127.0.0.1')
      const { replies } = await exchange([query('long.example.', 9, { type: 16, udpSize: 65_535 })], { host: '127.0.0.1', port, waitMs: 10_000 })
      assert.equal(decodeMessage(replies[0]!).answers.length, 60)
    })

    test('a socket on all addresses answers from the one that was asked', async () => {
      if (!engine.knowsAddressAsked) return assert.equal(engine.name, 'dgram')
      const { port } = await listen('::')
      for (const host of ['127.0.0.1', '127.0.0.2', '127.3.2.1', '::1']) {
        // A connected socket takes packets from there only.
        const { replies } = await exchange([query('a.example.', 10)], { host, port, waitMs: 10_000 })
        assert.equal(replies.length, 1, host)
      }
    })

    test('another group takes over without a new socket', async () => {
      const own: Target = { group: target.group, timeouts: TIMEOUTS }
      const listener = await engine.open('127.0.0.1', 0, own, '127.0.0.1')
      open.push(listener)
      own.group = await groupOf(TEMPLATE('192.0.2.99'))
      listener.retargeted?.()
      const { replies } = await exchange([query('a.example.', 11)], { host: '127.0.0.1', port: listener.port, waitMs: 10_000 })
      assert.deepEqual([...decodeMessage(replies[0]!).answers[0]!.rdata], [192, 0, 2, 99])
    })

    test('draining answers what has already been sent, then lets the port go', async () => {
      const listener = await engine.open('127.0.0.1', 0, target, '127.0.0.1')
      const client = createSocket('udp4')
      // As many as fit the client's own receive buffer.
      let replies = 0
      client.on('message', () => replies++)
      await new Promise<void>((resolve) => { client.connect(listener.port, '127.0.0.1', resolve) })
      for (let id = 0; id < 100; id++) await new Promise((resolve) => { client.send(query('a.example.', id), resolve) })
      await listener.drain(10_000)
      await until(() => replies === 100, 10_000)
      client.close()
      assert.equal((await exchange([query('a.example.', 1)], { host: '127.0.0.1', port: listener.port, waitMs: 10_000 })).end, 'refused')
    })

    test('an address that the machine does not have is refused with the system\'s code', async () => {
      await assert.rejects(engine.open('192.0.2.77', 0, target, '192.0.2.77'), { code: 'EADDRNOTAVAIL' })
    })
  })
}

describe('packet workers', () => {
  test('who asks more than a share waits behind others, is refused beyond, and then hears nothing', async () => {
    const order: string[] = []
    const answer = scripted((q) => {
      order.push(q.client.address)
      q.begin(0)
      return 1
    })
    const { generation } = await testServer('.:53 {\n whoami\n}\n', { plugins: [answer] })
    const engine = await mmsgEngine(1)
    const listener = await engine.open('127.0.0.1', 0, { group: generation.wanted[0]!.group, timeouts: TIMEOUTS }, '127.0.0.1')
    const clients = await Promise.all(['127.0.0.2', '127.0.0.3'].map(async (address) => {
      const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 })
      const replies: number[] = []
      socket.on('message', (reply) => replies.push(reply[3]! & 15))
      await new Promise<void>((resolve) => { socket.bind(0, address, () => socket.connect(listener.port, '127.0.0.1', resolve)) })
      return { socket, replies }
    }))
    const [greedy, modest] = clients as [typeof clients[0], typeof clients[0]]
    // The worker goes on while this thread, which answers, does nothing.
    const { control } = engine.threads[0]!
    const taken = () => Object.values(control.counts).reduce((sum, count) => sum + count, 0)
    const untilTaken = (count: number) => {
      for (const end = Date.now() + 20_000; taken() < count && Date.now() < end;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
    try {
      await exchange([query('first.example.', 1)], { host: '127.0.0.1', port: listener.port, waitMs: 10_000 })
      const before = taken()
      for (let id = 0; id < 4000; id++) {
        greedy.socket.send(query(`n${id}.example.`, id))
        if (id % 100 === 99) untilTaken(before + id + 1)
      }
      modest.socket.send(query('modest.example.', 1))
      untilTaken(before + 4001)
      await until(() => modest.replies.length === 1 && greedy.replies.filter((rcode) => rcode === 5).length >= 400 && order.length > 2000, 10_000)
      // Some of its share comes back while it is used.
      assert.ok(order.indexOf('127.0.0.3') < 1500, `after ${order.indexOf('127.0.0.3')} others`)
      engine.count()
      const refused = metrics.counter('hearth_queries_shed_total', '', ['how']).with('refused').value
      assert.ok(refused >= 400 && refused < 1500, `${refused} refused`)
      assert.ok(greedy.replies.length < 4000)
    } finally {
      for (const { socket } of clients) socket.close()
      await listener.drain(1000)
      await engine.close()
    }
  })

  test('a worker that dies is replaced and counted, and its socket goes on', async () => {
    const engine = await mmsgEngine(1)
    const listener = await engine.open('127.0.0.1', 0, { group: await groupOf(TEMPLATE('192.0.2.1')), timeouts: TIMEOUTS }, '127.0.0.1')
    const ask = (id: number) => exchange([query('a.example.', id)], { host: '127.0.0.1', port: listener.port, waitMs: 10_000 })
    assert.equal((await ask(1)).replies.length, 1)
    const replaced = metrics.counter('hearth_packet_workers_replaced_total', '').with()
    const before = replaced.value
    await engine.threads[0]!.kill()
    assert.equal((await ask(2)).replies.length, 1)
    assert.equal(replaced.value, before + 1)
    await listener.drain(1000)
    await engine.close()
  })

  test('an exception on the main thread ends the process within a second', async () => {
    const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
    const program = `import { runProgram } from ${url('./program.ts')}
      import { parseCorefile } from ${url('../corefile/parser.ts')}
      const boom = { name: 'whoami', parse: () => ({ build: () => ({ name: 'whoami', query: () => 1, serving: () => setTimeout(() => { console.log('now'); throw new Error('boom') }, 500) }) }) }
      await runProgram({ name: 'x', version: '0', plugins: new Map([['whoami', boom]]), quiet: true, pidfile: undefined, admin: { address: '', tokenFile: undefined }, engine: 'mmsg', workers: 2,
        read: () => parseCorefile('.:0 {\\n whoami\\n}', { file: 'f', defaultPort: 0, directives: ['whoami'], env: () => undefined, files: {} }) })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let thrownMs = 0
    child.stderr.on('data', (chunk: Buffer) => { output += String(chunk) })
    child.stdout.on('data', (chunk: Buffer) => {
      output += String(chunk)
      if (output.includes('now') && thrownMs === 0) thrownMs = performance.now()
    })
    const [status] = await once(child, 'exit') as [number]
    assert.equal(status, 1, output)
    assert.match(output, /uncaught exception: Error: boom/)
    assert.ok(performance.now() - thrownMs < 1000, `${performance.now() - thrownMs} ms`)
  })
})
