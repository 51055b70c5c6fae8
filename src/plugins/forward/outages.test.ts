import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { lines, testServer, type AskOptions, type TestServer } from '../../../test/support/world.ts'
import { ScriptedUpstream, type Asked } from '../../../test/support/scripted-upstream.ts'
import { until } from '../../../test/support/until.ts'
import { rcodeName } from '../../wire/codes.ts'
import type { Message } from '../../wire/message.ts'
import { bindPlugin } from '../bind/index.ts'
import { errorsPlugin } from '../errors/index.ts'
import { forwardPlugin } from './index.ts'

const A = 'www.example.org. 60 IN A 192.0.2.1'
const B = 'www.example.org. 60 IN A 192.0.2.2'
const PLUGINS = [bindPlugin, errorsPlugin, forwardPlugin]
const ENDPOINTS = 'dns.kube-system.svc.cluster.local.'

describe('forward, when upstreams come and go', () => {
  const upstreams: ScriptedUpstream[] = []
  let server: TestServer | undefined

  afterEach(async () => {
    await server?.stop()
    server = undefined
    for (const upstream of upstreams.splice(0)) upstream.close()
  })

  async function upstream(script: (asked: Asked) => void, options: { readonly tcp?: boolean } = {}): Promise<ScriptedUpstream> {
    const opened = await ScriptedUpstream.open(script, options)
    upstreams.push(opened)
    return opened
  }

  async function serve(to: string, options = '', files: Record<string, string> = {}): Promise<void> {
    server = await testServer(`. {\nerrors\nforward . ${to} {\n${options}\n}\n}`, { plugins: PLUGINS, files })
  }

  const ask = (text = 'www.example.org. A', options: AskOptions = {}) => server!.ask(text, options)
  const brief = (reply: Message | undefined) => (reply === undefined ? 'none' : [rcodeName(reply.rcode), ...lines(reply.answers)].join('; '))
  const queries = (each: ScriptedUpstream) => each.asked.filter((asked) => asked.query.questions[0]!.name !== '.')

  /** Time in small steps, so that what a timer sets off can set its own. */
  async function pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 50) {
      server!.clock.advance(50)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  describe('a silent upstream', () => {
    test('is left within 250 ms: what waits is asked elsewhere, and what comes after goes there at once', async () => {
      const hung = await upstream(() => {})
      const good = await upstream((asked) => asked.answer([A]))
      await serve(`${hung.address} ${good.address}`, 'policy sequential')
      const waiting = [1, 2, 3].map((n) => ask(`n${n}.example.org. A`))
      await until(() => hung.asked.length === 3)
      assert.equal(good.asked.length, 0)
      server!.clock.advance(250)
      assert.deepEqual((await Promise.all(waiting)).map((reply) => rcodeName(reply!.rcode)), ['NOERROR', 'NOERROR', 'NOERROR'])
      assert.equal(brief(await ask()), `NOERROR; ${A}`)
      assert.equal(queries(hung).length, 3)
      assert.match(await server!.metrics.expose(), /hearth_forward_hedges_total 3/)
    })

    test('takes part again once its probe is answered', async () => {
      let ill = true
      const first = await upstream((asked) => { if (!ill) asked.answer([A]) })
      const second = await upstream((asked) => asked.answer([B]))
      await serve(`${first.address} ${second.address}`, 'policy sequential')
      const waiting = ask()
      await until(() => first.asked.length === 1)
      server!.clock.advance(250)
      assert.equal(brief(await waiting), `NOERROR; ${B}`)
      ill = false
      await pass(2500)
      assert.equal(brief(await ask()), `NOERROR; ${A}`)
    })

    test('that answers others meanwhile is slow with one name, not gone', async () => {
      const slow = await upstream((asked) => { if (asked.query.questions[0]!.name !== 'slow.example.org.') asked.answer([A]) })
      const other = await upstream((asked) => asked.answer([B]))
      await serve(`${slow.address} ${other.address}`, 'policy sequential')
      await Promise.all(Array.from({ length: 8 }, (_, i) => ask(`n${i}.example.org. A`)))
      const waiting = ask('slow.example.org. A', { protocol: 'tcp' })
      await until(() => queries(slow).length === 9)
      server!.clock.advance(100)
      await ask('again.example.org. A', { protocol: 'tcp' })
      server!.clock.advance(120)
      assert.equal(other.asked.length, 0)
      server!.clock.advance(2000)
      assert.equal(rcodeName((await waiting)!.rcode), 'NOERROR')
    })

    test('is not hedged with hedge 0s', async () => {
      const hung = await upstream(() => {})
      const good = await upstream((asked) => asked.answer([A]))
      await serve(`${hung.address} ${good.address}`, 'policy sequential\nhedge 0s')
      const waiting = ask()
      await until(() => hung.asked.length === 1)
      server!.clock.advance(1900)
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal(good.asked.length, 0)
      server!.clock.advance(200)
      assert.equal(brief(await waiting), `NOERROR; ${A}`)
    })
  })

  test('a connection that has gone silent is left for a new one to the same address, and takes no new questions', async () => {
    const there = await upstream((asked) => { if (asked.from > 1) asked.answer([A]) })
    await serve(there.address, 'force_tcp')
    const waiting = [ask(), ask('two.example.org. A')]
    await until(() => there.asked.length === 2)
    server!.clock.advance(250)
    assert.equal(brief(await waiting[0]), `NOERROR; ${A}`)
    await waiting[1]
    await ask('three.example.org. A')
    assert.deepEqual(there.asked.filter((asked) => asked.from === 1).length, 2)
  })

  test('an upstream that refuses TCP is asked over UDP', async () => {
    const there = await upstream((asked) => asked.answer([A]), { tcp: false })
    await serve(there.address, 'force_tcp')
    assert.equal(brief(await ask()), `NOERROR; ${A}`)
    assert.equal(brief(await ask()), `NOERROR; ${A}`)
    assert.deepEqual(there.asked.map((asked) => asked.protocol), ['udp', 'udp'])
  })

  test('what it truncates then is no answer for a client over TCP', async () => {
    const there = await upstream((asked) => asked.answer([], (reply) => { reply.tc = true }), { tcp: false })
    await serve(there.address)
    const reply = await ask(undefined, { protocol: 'tcp' })
    assert.deepEqual([brief(reply), reply!.tc], ['SERVFAIL', false])
    assert.match(server!.log.lines.join('\n'), /truncated, and TCP is refused/)
  })

  test('max_queries bounds what one connection carries', async () => {
    const there = await upstream((asked) => asked.answer([A]))
    await serve(there.address, 'force_tcp\nmax_queries 2')
    for (let i = 0; i < 5; i++) await ask()
    assert.equal(there.connections, 3)
  })

  test('with all down few questions wait, and the rest fail at once', async () => {
    const hung = await upstream(() => {})
    await serve(hung.address, 'hedge 0s\nmax_connect_attempts 1')
    const first = ask()
    await until(() => hung.asked.length === 1)
    server!.clock.advance(2001)
    await first
    await pass(6000)
    const replies = Array.from({ length: 200 }, (_, i) => ask(`n${i}.example.org. A`))
    let settled = 0
    for (const reply of replies) void reply.then(() => settled++)
// A probe may be among the 64 that wait.
    await until(() => settled >= 200 - 64)
    server!.clock.advance(2001)
    assert.ok((await Promise.all(replies)).every((reply) => rcodeName(reply!.rcode) === 'SERVFAIL'))
  })

  describe('a file like resolv.conf', () => {
    test('is followed within five seconds; what cannot be used keeps the last good list', async () => {
      const files = { '/etc/resolv.conf': 'nameserver 127.0.0.1\n' }
      await serve('/etc/resolv.conf', 'max_connect_attempts 1', files)
      assert.equal(brief(await ask()), 'SERVFAIL')
      assert.match(server!.log.lines.join('\n'), /127\.0\.0\.1:53/)
      server!.files['/etc/resolv.conf'] = 'nameserver 127.0.0.77\nnameserver 127.0.0.78\n'
      await pass(4900)
      assert.match(server!.log.lines.join('\n'), /\[INFO\] plugin\/forward: upstreams are now dns 127\.0\.0\.77:53 , dns 127\.0\.0\.78:53 /)
      for (let i = 0; i < 4; i++) await ask()
      assert.match(server!.log.lines.at(-1)!, /127\.0\.0\.7[78]:53/)
      server!.files['/etc/resolv.conf'] = '# nothing\n'
      await pass(4900)
      assert.match(server!.log.lines.join('\n'), /\[WARNING\] plugin\/forward: the new list of upstreams has no usable address, keeping the last good one/)
      await ask()
      assert.match(server!.log.lines.at(-1)!, /127\.0\.0\.7[78]:53/)
    })

    test('does not make the server forward to itself', async () => {
      server = await testServer('. {\nbind 127.0.0.1\nerrors\nforward . /etc/resolv.conf\n}', { plugins: PLUGINS, files: { '/etc/resolv.conf': 'nameserver 127.0.0.77\n' } })
      server.generation.serving([{ address: '127.0.0.1', port: 53 }])
      server.files['/etc/resolv.conf'] = 'nameserver 127.0.0.1\nnameserver 127.0.0.78\n'
      await pass(4900)
      assert.match(server.log.lines.join('\n'), /upstreams are now dns 127\.0\.0\.78:53 \n?/)
    })
  })

  describe('endpoints', () => {
    /** An upstream that knows the addresses of the name; what it answers else is `own`. */
    const knowing = (records: () => readonly string[], own: string) => (asked: Asked) => {
      const { name, type } = asked.query.questions[0]!
      if (name !== ENDPOINTS) return asked.answer([own])
      asked.answer(type === 1 ? records() : [])
    }

    test('are asked of TO, preferred to it, and followed', async () => {
      const pod = await upstream((asked) => asked.answer([B]))
      let there = true
      const service = await upstream(knowing(() => (there ? [`${ENDPOINTS} 5 IN A 127.0.0.1`] : []), A))
      await serve(service.address, `endpoints ${ENDPOINTS}:${pod.port}`)
      await until(() => server!.log.lines.some((line) => line.includes('upstreams at')))
      assert.equal(brief(await ask()), `NOERROR; ${B}`)
      there = false
      // The pod is asked for its own name now, and knows none.
      await pass(4900)
      await until(() => server!.log.lines.some((line) => line.includes(`upstreams at ${ENDPOINTS} are now none`)))
      assert.equal(brief(await ask()), `NOERROR; ${A}`)
    })

    test('that fall silent leave TO to answer', async () => {
      const pod = await upstream((asked) => { if (asked.query.questions[0]!.name === ENDPOINTS) asked.answer(asked.query.questions[0]!.type === 1 ? [`${ENDPOINTS} 5 IN A 127.0.0.1`] : []) })
      const service = await upstream(knowing(() => [`${ENDPOINTS} 5 IN A 127.0.0.1`], A))
      await serve(service.address, `endpoints ${ENDPOINTS}:${pod.port}`)
      await until(() => server!.log.lines.some((line) => line.includes('upstreams at')))
      const reply = ask()
      await until(() => queries(pod).some((asked) => asked.query.questions[0]!.name.startsWith('www')))
      server!.clock.advance(250)
      assert.equal(brief(await reply), `NOERROR; ${A}`)
    })

    test('whose name nobody knows leave TO as it is', async () => {
      const service = await upstream((asked) => asked.answer([], (reply) => { reply.rcode = 2 }))
      await serve(service.address, `endpoints ${ENDPOINTS}`)
      await until(() => server!.log.lines.some((line) => line.includes(`no upstream tells the addresses of ${ENDPOINTS}`)))
      assert.equal(brief(await ask()), 'SERVFAIL')
    })

    test('are names, not addresses', async () => {
      await assert.rejects(() => testServer('. {\nforward . 192.0.2.1 {\nendpoints 192.0.2.2\n}\n}', { plugins: PLUGINS }), /"192\.0\.2\.2" is no name with an optional port; addresses are given as TO/)
    })
  })
})
