import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { afterEach, describe, test } from 'node:test'
import type { TlsOptions } from 'node:tls'
import { rcodeName } from '../../wire/codes.ts'
import type { Message } from '../../wire/message.ts'
import { lines, testServer, type AskOptions, type TestServer } from '../../../test/support/world.ts'
import { ScriptedUpstream, type Asked } from '../../../test/support/scripted-upstream.ts'
import { until } from '../../../test/support/until.ts'
import { cachePlugin } from '../cache/index.ts'
import { errorsPlugin } from '../errors/index.ts'
import { forwardPlugin } from './index.ts'

const A = 'www.example.org. 60 IN A 192.0.2.1'
const PLUGINS = [errorsPlugin, cachePlugin, forwardPlugin]

describe('forward, over real sockets', () => {
  const upstreams: ScriptedUpstream[] = []
  let server: TestServer | undefined

  afterEach(async () => {
    await server?.stop()
    server = undefined
    for (const upstream of upstreams.splice(0)) upstream.close()
  })

  async function upstream(script: (asked: Asked) => void, options: { readonly tls?: TlsOptions; readonly port?: number } = {}): Promise<ScriptedUpstream> {
    const opened = await ScriptedUpstream.open(script, options)
    upstreams.push(opened)
    return opened
  }

  async function serve(to: readonly ScriptedUpstream[], options = '', before = ''): Promise<TestServer> {
    server = await testServer(`. {\nerrors\n${before}\nforward . ${to.map((each) => each.address).join(' ')} {\n${options}\n}\n}`, { plugins: PLUGINS })
    return server
  }

  const ask = (text = 'www.example.org. A', options: AskOptions = {}) => server!.ask(text, options)
  const brief = (reply: Message | undefined) => (reply === undefined ? 'none' : [rcodeName(reply.rcode), ...lines(reply.answers)].join('; '))

  /** Time in small steps, so that what a timer sets off can set its own. */
  async function pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 100) {
      server!.clock.advance(100)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  const probes = (each: ScriptedUpstream) => each.asked.filter((asked) => asked.query.questions[0]!.name === '.').length

  describe('answers that are none', () => {
    const FORGED = 'www.example.org. 60 IN A 203.0.113.66'

    for (const [what, forge] of [
      ['from another port', (asked: Asked) => asked.spoof([FORGED])],
      ['with another id', (asked: Asked) => asked.answer([FORGED], (reply) => { reply.id = (reply.id + 1) & 0xffff })],
      ['to another name', (asked: Asked) => asked.answer([FORGED], (reply) => { reply.questions = [{ ...reply.questions[0]!, name: 'evil.example.org.' }] })],
      ['to another type', (asked: Asked) => asked.answer([FORGED], (reply) => { reply.questions = [{ ...reply.questions[0]!, type: 28 }] })],
      ['without the response bit', (asked: Asked) => asked.answer([FORGED], (reply) => { reply.qr = false })],
      ['of a few octets', (asked: Asked) => asked.send(Buffer.of(1, 2, 3))],
    ] as const) {
      test(`${what} are not listened to`, async () => {
        const there = await upstream((asked) => {
          forge(asked)
          setTimeout(() => asked.answer([A]), 30)
        })
        await serve([there])
        assert.equal(brief(await ask()), `NOERROR; ${A}`)
      })
    }

    test('and when no true one comes, the next attempt goes over TCP', async () => {
      const there = await upstream((asked) => {
        if (asked.protocol === 'tcp') asked.answer([A])
        else asked.answer([FORGED], (reply) => { reply.questions = [{ ...reply.questions[0]!, name: 'evil.example.org.' }] })
      })
      await serve([there])
      const reply = ask()
      await until(() => there.asked.length === 1)
      await new Promise((resolve) => setTimeout(resolve, 30))
      server!.clock.advance(2001)
      assert.equal(brief(await reply), `NOERROR; ${A}`)
    })
  })

  test('ids and source ports differ from query to query', async () => {
    const there = await upstream((asked) => asked.answer([]))
    server = await testServer(`. {\nforward . ${there.address}\n}`, { plugins: PLUGINS, random: Array.from({ length: 97 }, (_, i) => ((i * 37) % 97) / 97) })
    await Promise.all(Array.from({ length: 64 }, (_, i) => ask(`n${i}.example. A`)))
    assert.ok(new Set(there.asked.map((asked) => asked.query.id)).size > 40)
    assert.ok(new Set(there.asked.map((asked) => asked.from)).size >= 4)
  })

  describe('equal questions under way at the same time', () => {
    test('go upstream once, and each gets its own question back', async () => {
      const there = await upstream((asked) => setTimeout(() => asked.answer([A]), 50))
      await serve([there])
      const replies = await Promise.all(['www.example.org.', 'WWW.example.org.', 'www.EXAMPLE.org.'].map((name) => ask(`${name} A`)))
      assert.deepEqual(replies.map((reply) => reply!.questions[0]!.name), ['www.example.org.', 'WWW.example.org.', 'www.EXAMPLE.org.'])
      assert.equal(there.asked.length, 1)
    })

    test('but what asks for something else does not share: DO, CD, TCP, type', async () => {
      const there = await upstream((asked) => setTimeout(() => asked.answer([]), 50))
      await serve([there])
      await Promise.all([ask(), ask('www.example.org. AAAA'), ask(undefined, { edns: { do: true } }), ask(undefined, { cd: true }), ask(undefined, { protocol: 'tcp' })])
      assert.equal(there.asked.length, 5)
    })

    test('a failure makes one of those who waited ask anew, and what that comes to serves all', async () => {
      const there = await upstream(() => {})
      await serve([there], 'max_connect_attempts 1\nmax_fails 0')
      const replies = Promise.all([1, 2, 3, 4].map(() => ask()))
      for (let asked = 1; asked <= 2; asked++) {
        await until(() => there.asked.filter((each) => each.query.questions[0]!.name !== '.').length === asked)
        server!.clock.advance(2001)
      }
      assert.deepEqual((await replies).map(brief), ['SERVFAIL', 'SERVFAIL', 'SERVFAIL', 'SERVFAIL'])
      assert.equal(there.asked.filter((each) => each.query.questions[0]!.name !== '.').length, 2)
    })
  })

  describe('TCP', () => {
    test('one connection carries many, once the upstream has answered out of order', async () => {
      const held: Asked[] = []
      const there = await upstream((asked) => {
        held.push(asked)
        if (held.length === 3) for (const each of held.toReversed()) each.answer([])
        else if (held.length > 3) asked.answer([])
      })
      await serve([there], 'force_tcp')
      await Promise.all([1, 2, 3].map((n) => ask(`n${n}.example. A`)))
      assert.equal(there.connections, 1)
      await Promise.all(Array.from({ length: 200 }, (_, i) => ask(`m${i}.example. A`)))
      assert.equal(there.connections, 1)
    })

    test('an upstream that answers in order gets at most four at once', async () => {
      const there = await upstream((asked) => setTimeout(() => asked.answer([]), 20))
      await serve([there], 'force_tcp')
      await Promise.all(Array.from({ length: 12 }, (_, i) => ask(`m${i}.example. A`)))
      assert.equal(there.connections, 3)
    })

    test('a connection that the upstream closed meanwhile is replaced without a failure', async () => {
      const there = await upstream((asked) => {
        asked.answer([A])
        setTimeout(() => asked.hangUp(), 5)
      })
      await serve([there], 'force_tcp')
      for (let i = 0; i < 5; i++) {
        assert.equal(brief(await ask()), `NOERROR; ${A}`)
        await new Promise((resolve) => setTimeout(resolve, i % 2 === 0 ? 0 : 15))
      }
    })

    test('expire, max_age and max_idle_conns close connections', async () => {
      const there = await upstream((asked) => asked.answer([]))
      await serve([there], 'force_tcp\nexpire 2s\nmax_age 5s')
      await ask('a.example. A')
      server!.clock.advance(1500)
      await ask('b.example. A')
      assert.equal(there.connections, 1)
      server!.clock.advance(2100)
      await ask('c.example. A')
      assert.equal(there.connections, 2)
      for (let i = 0; i < 5; i++) {
        server!.clock.advance(1500)
        await ask(`d${i}.example. A`)
      }
      assert.equal(there.connections, 3)
    })

    test('a truncated answer goes to the client as it is, and over TCP with prefer_udp', async () => {
      const there = await upstream((asked) => (asked.protocol === 'udp' ? asked.answer([], (reply) => { reply.tc = true }) : asked.answer([A])))
      await serve([there])
      assert.equal((await ask())!.tc, true)
      await server!.stop()
      await serve([there], 'prefer_udp')
      const reply = await ask(undefined, { protocol: 'tcp' })
      assert.deepEqual([reply!.tc, brief(reply)], [false, `NOERROR; ${A}`])
    })

    test('a datagram longer than asked for is truncated, and asked again over TCP with prefer_udp', async () => {
      const many = Array.from({ length: 60 }, (_, i) => `www.example.org. 60 IN A 192.0.2.${i + 1}`)
      const there = await upstream((asked) => asked.answer(many))
      await serve([there])
      const cut = await ask()
      assert.deepEqual([cut!.tc, cut!.answers.length], [true, 0])
      await server!.stop()
      await serve([there], 'prefer_udp')
      for (const protocol of ['udp', 'tcp'] as const) assert.equal((await ask(undefined, { protocol, edns: { udpSize: 4096 } }))!.answers.length, 60, protocol)
      assert.equal((await ask(undefined, { protocol: 'tcp' }))!.answers.length, 60)
    })
  })

  describe('TLS', () => {
    const file = (name: string) => readFileSync(new URL(`../../../test/support/tls/${name}`, import.meta.url))
    const path = (name: string) => new URL(`../../../test/support/tls/${name}`, import.meta.url).pathname
    const tls = { cert: file('server.pem'), key: file('server.key') }

    async function serveTls(there: ScriptedUpstream, options: string): Promise<void> {
      server = await testServer(`. {\nerrors\nforward . tls://${there.address} {\n${options}\nmax_connect_attempts 1\n}\n}`, { plugins: PLUGINS })
    }

    test('the certificate is checked against the CA and the name given', async () => {
      const there = await upstream((asked) => asked.answer([A]), { tls })
      await serveTls(there, `tls ${path('ca.pem')}\ntls_servername dns.test`)
      assert.equal(brief(await ask()), `NOERROR; ${A}`)
      assert.equal(there.asked[0]!.protocol, 'tls')
    })

    test('another name, or a CA that nobody knows, is SERVFAIL with the reason in the log', async () => {
      const there = await upstream((asked) => asked.answer([A]), { tls })
      await serveTls(there, `tls ${path('ca.pem')}\ntls_servername other.test`)
      assert.equal(brief(await ask()), 'SERVFAIL')
      assert.match(server!.log.lines.join('\n'), /other\.test/)
      await server!.stop()
      await serveTls(there, 'tls_servername dns.test')
      assert.equal(brief(await ask()), 'SERVFAIL')
      assert.equal(there.asked.length, 0)
    })

    test('with tls_opportunistic any certificate will do', async () => {
      const there = await upstream((asked) => asked.answer([A]), { tls })
      await serveTls(there, 'tls_servername other.test\ntls_opportunistic')
      assert.equal(brief(await ask()), `NOERROR; ${A}`)
      assert.equal(there.asked[0]!.protocol, 'tls')
    })

    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      test(`a further connection takes up the session of an earlier one, ${version}, and an upstream that has forgotten it is asked all the same`, async () => {
        const there = await upstream((asked) => asked.answer([A]), { tls: { ...tls, maxVersion: version } })
        await serveTls(there, `tls ${path('ca.pem')}\ntls_servername dns.test\nmax_queries 1`)
        for (let i = 0; i < 5; i++) assert.equal(brief(await ask()), `NOERROR; ${A}`)
        assert.deepEqual([there.connections, there.resumed], [5, 4])
        upstreams.splice(upstreams.indexOf(there), 1)[0]!.close()
        const again = await upstream((asked) => asked.answer([A]), { tls: { ...tls, maxVersion: version }, port: there.port })
        for (let i = 0; i < 3; i++) assert.equal(brief(await ask()), `NOERROR; ${A}`)
        assert.deepEqual([again.connections, again.resumed], [3, 2])
      })
    }

    test('a client certificate is shown where the upstream wants one', async () => {
      const there = await upstream((asked) => asked.answer([A]), { tls: { ...tls, ca: file('ca.pem'), requestCert: true, rejectUnauthorized: true } })
      await serveTls(there, `tls ${path('server.pem')} ${path('server.key')} ${path('ca.pem')}\ntls_servername dns.test`)
      assert.equal(brief(await ask()), `NOERROR; ${A}`)
    })
  })

  describe('upstreams that fail', () => {
    test('the next one is asked, and the failed one is left out once its checks fail, until they pass', async () => {
      let ill = true
      const first = await upstream((asked) => { if (!ill) asked.answer(asked.query.questions[0]!.name === '.' ? [] : ['www.example.org. 60 IN A 192.0.2.11']) })
      const second = await upstream((asked) => asked.answer([A]))
      await serve([first, second], 'policy sequential\nhedge 0s')
      const slow = ask()
      await until(() => first.asked.length === 1)
      server!.clock.advance(2001)
      assert.equal(brief(await slow), `NOERROR; ${A}`)
      await pass(5000)
      assert.equal(probes(first), 4)
      const before = first.asked.length
      assert.equal(brief(await ask()), `NOERROR; ${A}`)
      assert.equal(first.asked.length - before, 0)
      ill = false
      await pass(2000)
      assert.equal(brief(await ask()), 'NOERROR; www.example.org. 60 IN A 192.0.2.11')
      assert.match(await server!.metrics.expose(), /coredns_proxy_healthcheck_failures_total\{proxy_name="forward",to="127\.0\.0\.1:\d+"\} 4/)
    })

    test('max_connect_attempts bounds the attempts, and the log says why', async () => {
      const silent = await upstream(() => {})
      await serve([silent], 'max_connect_attempts 3\nread_timeout 500ms\nmax_fails 0')
      const reply = ask()
      for (let attempt = 1; attempt <= 3; attempt++) {
        await until(() => silent.asked.filter((asked) => asked.query.questions[0]!.name !== '.').length === attempt)
        server!.clock.advance(501)
      }
      assert.equal(brief(await reply), 'SERVFAIL')
      assert.match(server!.log.lines.join('\n'), /\[ERROR\] plugin\/errors: 2 www\.example\.org\. A: read udp 127\.0\.0\.1:\d+->127\.0\.0\.1:\d+: i\/o timeout/)
    })

    test('a port where nobody listens is SERVFAIL at once', async () => {
      const there = await upstream(() => {})
      there.close()
      upstreams.pop()
      await serve([there])
      assert.equal(brief(await ask()), 'SERVFAIL')
      assert.match(server!.log.lines.join('\n'), /connection refused/)
    })

    test('failfast does not try when all are down', async () => {
      const silent = await upstream(() => {})
      await serve([silent], 'failfast_all_unhealthy_upstreams\nmax_connect_attempts 1')
      const slow = ask()
      await until(() => silent.asked.length === 1)
      server!.clock.advance(2001)
      await slow
      await pass(5000)
      const before = silent.asked.length - probes(silent)
      assert.equal(brief(await ask()), 'SERVFAIL')
      assert.equal(silent.asked.length - probes(silent), before)
      assert.match(await server!.metrics.expose(), /coredns_forward_healthcheck_broken_total 1/)
    })

    test('garbage over TCP is SERVFAIL, not an exception', async () => {
      const there = await upstream((asked) => asked.send(Buffer.concat([Buffer.of(asked.query.id >> 8, asked.query.id & 255), Buffer.alloc(30, 0xff)])))
      await serve([there], 'force_tcp\nmax_connect_attempts 1')
      assert.equal(brief(await ask()), 'SERVFAIL')
      assert.deepEqual(server!.panics, [])
    })
  })

  test('max_concurrent refuses what is too much, and counts it', async () => {
    const there = await upstream((asked) => setTimeout(() => asked.answer([]), 50))
    await serve([there], 'max_concurrent 2')
    const replies = await Promise.all([1, 2, 3, 4].map((n) => ask(`n${n}.example. A`)))
    assert.deepEqual(replies.map(brief).sort(), ['NOERROR', 'NOERROR', 'REFUSED', 'REFUSED'])
    assert.match(await server!.metrics.expose(), /coredns_forward_max_concurrent_rejects_total 2/)
  })

  test('round_robin goes on by one from query to query', async () => {
    const all = await Promise.all([1, 2, 3].map(() => upstream((asked) => asked.answer([]))))
    await serve(all, 'policy round_robin')
    for (let i = 0; i < 6; i++) await ask(`n${i}.example. A`)
    assert.deepEqual(all.map((each) => each.asked.length), [2, 2, 2])
  })

  test('what upstreams get: the client\'s EDNS, RD and CD', async () => {
    const there = await upstream((asked) => asked.answer([]))
    await serve([there])
    await ask(undefined, { edns: { do: true, udpSize: 1400, options: [{ code: 10, data: Buffer.from('0123456789abcdef', 'hex') }] }, cd: true, rd: false })
    const { query } = there.asked[0]!
    assert.deepEqual([query.cd, query.rd, query.edns?.do], [true, false, true])
  })

  test('the configuration is refused with what to correct', async () => {
    for (const [text, expected] of [
      ['', /FROM and at least one TO wanted/], ['.', /at least one upstream wanted/], ['. 192.0.2.1 {\npolicy x\n}', /unknown policy 'x'/], ['. https://dns.example', /https:\/\/ upstreams are not supported yet/],
      ['. quic://192.0.2.1', /'quic' is not supported as a destination protocol/], [`. ${Array.from({ length: 16 }, (_, i) => `192.0.2.${i}`).join(' ')}`, /more than 15 TOs configured: 16/],
      ['. /none/resolv.conf', /not an IP address, file, or valid domain: "\/none\/resolv\.conf"/], ['. 192.0.2.1 {\nmax_age 5s\nexpire 10s\n}', /max_age \(5s\) must not be less than expire \(10s\)/],
      ['. tls://192.0.2.1%a.test {\ntls_servername b.test\n}', /keep one/], ['. 192.0.2.1 {\nfailover NOERROR\n}', /NoError cannot be used in failover/], ['. 192.0.2.1 {\nsource_address x\n}', /invalid IP address: x/],
      ['. 192.0.2.1 {\nhealth_check 1s rec\n}', /unknown option rec/], ['. 192.0.2.1 {\nread_timeout 0s\n}', /read_timeout must be positive: 0s/], ['. 192.0.2.1 {\nnext X\n}', /X is not a valid rcode/],
    ] as const) await assert.rejects(() => testServer(`. {\nforward ${text}\n}`, { plugins: PLUGINS }), expected, text)
  })
})
