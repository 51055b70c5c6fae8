import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { decodeMessage } from '../wire/decode.ts'
import { encodeMessage } from '../wire/encode.ts'
import { Message } from '../wire/message.ts'
import { exchange } from '../../test/support/exchange.ts'
import { freePort } from '../../test/support/ports.ts'
import { Program } from '../../test/support/program.ts'
import { ScriptedUpstream, type Asked } from '../../test/support/scripted-upstream.ts'
import { until } from '../../test/support/until.ts'

const CLUSTER = fileURLToPath(new URL('../../hack/hearth-cluster', import.meta.url))
const START_MS = 10_000

function query(name: string, id = 1, type = 1): Uint8Array {
  const message = new Message()
  message.id = id
  message.rd = true
  message.questions = [{ name, type, class: 1 }]
  return encodeMessage(message)
}

describe('the server, over real sockets', () => {
  let folder: string
  let port: number
  let program: Program | undefined
  const upstreams: ScriptedUpstream[] = []

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-server-'))
    port = await freePort()
  })

  afterEach(async () => {
    await program?.stop()
    program = undefined
    for (const upstream of upstreams.splice(0)) upstream.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const write = (body: string) => writeFileSync(join(folder, 'Corefile'), `.:${port} {\nbind 127.0.0.1\nerrors\n${body}\n}\n`)
  const printed = (text: RegExp) => until(() => text.test(program!.output), START_MS)

  async function start(body: string): Promise<void> {
    write(body)
    program = Program.start(`${CLUSTER} -conf ${folder}/Corefile`)
    await printed(/ ready /)
  }

  async function reload(body: string, outcome: RegExp): Promise<void> {
    write(body)
    program!.child.kill('SIGUSR1')
    await printed(outcome)
  }

  async function upstream(script: (asked: Asked) => void): Promise<ScriptedUpstream> {
    const opened = await ScriptedUpstream.open(script)
    upstreams.push(opened)
    return opened
  }

  const udp = (name: string, id?: number) => exchange([query(name, id)], { host: '127.0.0.1', port })
  const rcodes = (replies: readonly Buffer[]) => replies.map((reply) => decodeMessage(reply).rcode)

  test('queries of one TCP connection are answered as they are ready', async () => {
    const there = await upstream((asked) => {
      const slow = asked.query.questions[0]!.name.startsWith('slow')
      setTimeout(() => asked.answer([]), slow ? 300 : 0)
    })
    await start(`forward . ${there.address}`)
    const { replies } = await exchange([query('slow.example.', 1), query('a.example.', 2), query('b.example.', 3)], { host: '127.0.0.1', port, tcp: true })
    assert.deepEqual(replies.map((reply) => reply.readUInt16BE()).slice(0, 2).sort(), [2, 3])
    assert.equal(replies[2]!.readUInt16BE(), 1)
  })

  test('a thousand queries at once on one TCP connection, cut into odd pieces', async () => {
    await start('template IN A {\nanswer "{{ .Name }} 60 IN A 192.0.2.1"\n}\ntimeouts {\nmaxtcpqueries -1\n}')
    const packets = Array.from({ length: 1000 }, (_, id) => query(`n${id}.example.`, id))
    const { replies } = await exchange(packets, { host: '127.0.0.1', port, tcp: true })
    assert.equal(new Set(replies.map((reply) => reply.readUInt16BE())).size, 1000)
    const few = await exchange(packets.slice(0, 3), { host: '127.0.0.1', port, tcp: true, pieces: 7 })
    assert.equal(few.replies.length, 3)
  })

  test('a client that reads nothing is not read, and is cut off; the others do not notice', async () => {
    const text = 'x'.repeat(250)
    await start(`timeouts {\nwrite 1s\nidle 1s\n}\ntemplate IN TXT {\nanswer ${Array.from({ length: 8 }, () => `"{{ .Name }} 60 IN TXT ${text}"`).join(' ')}\n}`)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    const question = query('www.example.', 1, 16)
    const framed = Buffer.concat([Buffer.of(0, question.length), question])
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => framed))
    for (let i = 0; i < 30 && !socket.destroyed; i++) await new Promise<void>((resolve) => { socket.write(flood, () => resolve()); setTimeout(resolve, 50) })
    assert.deepEqual(rcodes((await exchange([query('www.example.', 1, 16)], { host: '127.0.0.1', port, tcp: true })).replies), [0])
    // So long nothing moves before it is cut off; a client that reads again in time is answered on.
    await new Promise((resolve) => setTimeout(resolve, 3000))
    await until(() => socket.resume().destroyed, 30_000)
    const rss = /VmRSS:\s+(\d+)/.exec(await import('node:fs').then((fs) => fs.readFileSync(`/proc/${program!.child.pid}/status`, 'utf8')))![1]
    assert.ok(Number(rss) < 200_000, `${rss} kB`)
  })

  test('octets that complete no question buy no time', async () => {
    await start('timeouts {\nread 1s\nidle 1s\n}\nwhoami')
    const socket = connect(port, '127.0.0.1')
    let closed = false
    socket.on('error', () => {}).on('close', () => { closed = true })
    const began = Date.now()
    const trickle = setInterval(() => socket.write(Buffer.of(0)), 200)
    await until(() => closed, 5000).finally(() => clearInterval(trickle))
    assert.ok(Date.now() - began < 2500)
  })

  test('a reload loses no query, and keeps the cache while nothing above or below it has changed', async () => {
    let asked = 0
    const there = await upstream((each) => {
      asked++
      each.answer([`${each.query.questions[0]!.name} 3600 IN A 192.0.2.1`])
    })
    await start(`cache\nforward . ${there.address}`)
    assert.deepEqual(rcodes((await udp('www.example.')).replies), [0])
    let lost = 0
    let sent = 0
    const ending = new AbortController()
    const over = ending.signal
    const load = (async () => {
      while (!over.aborted) {
        sent++
        const { replies } = await exchange([query('www.example.', sent & 0xffff)], { host: '127.0.0.1', port, waitMs: 2000 })
        if (replies.length !== 1) lost++
      }
    })()
    for (let i = 1; i <= 3; i++) await reload(`log none${i}.example\ncache\nforward . ${there.address}`, new RegExp(`(Reloading complete[\\s\\S]*){${i}}`))
    ending.abort()
    await load
    assert.equal(lost, 0)
    assert.ok(sent > 5, `${sent} queries`)
    assert.equal(asked, 1, 'all but the first came from the cache that was kept')
    await reload(`cache\nforward . ${there.address} {\nmax_fails 3\n}`, /(Reloading complete[\s\S]*){4}/)
    await udp('www.example.')
    assert.equal(asked, 2, 'what is below the cache has changed, so it began anew')
  })

  test('a reload that fails keeps what serves: a mistake in the text, or a port that is taken', async () => {
    await start('whoami')
    await reload('cache {\nsuccess 0\n}', /cache: success: capacity must be at least 1, got 0/)
    assert.deepEqual(rcodes((await udp('www.example.')).replies), [0])
    const taken = await upstream(() => {})
    writeFileSync(join(folder, 'Corefile'), `.:${port} {\nbind 127.0.0.1\nerrors\n}\n.:${taken.port} {\nbind 127.0.0.1\n}\n`)
    program!.child.kill('SIGUSR1')
    await printed(new RegExp(`cannot listen on (udp|tcp) 127\\.0\\.0\\.1:${taken.port}: the port is taken by pid ${process.pid} `))
    assert.deepEqual(rcodes((await udp('www.example.')).replies), [0])
  })

  test('queries under way are answered before the program ends', async () => {
    const there = await upstream((asked) => setTimeout(() => asked.answer([]), 500))
    await start(`forward . ${there.address}`)
    const over = [exchange([query('a.example.')], { host: '127.0.0.1', port }), exchange([query('b.example.')], { host: '127.0.0.1', port, tcp: true })]
    await until(() => there.asked.length === 2)
    program!.child.kill('SIGTERM')
    for (const each of await Promise.all(over)) assert.deepEqual(rcodes(each.replies), [0])
    assert.equal(await program!.exit(5000), 0)
  })

  test('lameduck goes on answering for as long as it says', async () => {
    const health = await freePort()
    await start(`health 127.0.0.1:${health} {\nlameduck 1s\n}\nwhoami`)
    program!.child.kill('SIGTERM')
    await printed(/Going into lameduck mode for 1s/)
    assert.equal((await fetch(`http://127.0.0.1:${health}/health`)).status, 200)
    assert.deepEqual(rcodes((await udp('www.example.')).replies), [0])
    assert.equal(await program!.exit(5000), 0)
  })

  test('a taken port ends the start with status 1 and who has it', async () => {
    const taken = await upstream(() => {})
    writeFileSync(join(folder, 'Corefile'), `.:${taken.port} {\nbind 127.0.0.1\nwhoami\n}\n`)
    program = Program.start(`${CLUSTER} -conf ${folder}/Corefile`)
    assert.equal(await program.exit(START_MS), 1)
    assert.match(program.output, new RegExp(`cannot listen on (udp|tcp) 127\\.0\\.0\\.1:${taken.port}: the port is taken by pid ${process.pid} .*stop it, or choose another port with -dns\\.port`))
  })

  test('random packets get an answer that can be read, or none, and the program stays', async () => {
    await start('cache\nhosts {\n192.0.2.1 www.example\n}\nprometheus 127.0.0.1:0')
    let state = 12_345
    const random = () => (state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff) / 0x7fffffff
    const packets = Array.from({ length: 600 }, (_, i) => {
      const packet = Buffer.from(i % 3 === 0 ? Array.from({ length: Math.floor(random() * 80) }, () => random() * 256) : query('www.example.', i))
      if (i % 3 === 1) packet[Math.floor(random() * packet.length)] = random() * 256
      if (i % 3 === 2) return packet.subarray(0, Math.floor(random() * packet.length))
      return packet
    })
    for (let at = 0; at < packets.length; at += 50) {
      const { replies } = await exchange(packets.slice(at, at + 50), { host: '127.0.0.1', port, waitMs: 150 })
      for (const reply of replies) assert.equal(decodeMessage(reply).qr, true)
    }
    assert.deepEqual(rcodes((await udp('www.example.')).replies), [0])
    assert.doesNotMatch(program!.output, /panic|TypeError|RangeError/)
  })
})
