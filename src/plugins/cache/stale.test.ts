import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lines, scripted, testServer, type TestServer } from '../../../test/support/world.ts'
import { until } from '../../../test/support/until.ts'
import { DONE, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { RCODE, rcodeName } from '../../wire/codes.ts'
import { EDE, readExtendedError } from '../../wire/edns.ts'
import type { Message } from '../../wire/message.ts'
import { parseRecord } from '../../wire/record.ts'
import { cachePlugin } from './index.ts'

const SOA = 'example. 30 IN SOA ns.example. hostmaster.example. 1 7200 1800 86400 30'
const EDNS = { edns: { udpSize: 1232 } }

/** The upstream of a cache: answers by what the test sets. */
class Below {
  say: 'address' | 'nxdomain' | 'servfail' | 'fail' | 'nothing' = 'address'
  address = '192.0.2.1'
  asked = 0

  answer(q: Query): typeof DONE | Promise<typeof DONE> {
    this.asked++
    if (this.say === 'nothing') return new Promise(() => {})
    if (this.say === 'fail') q.fail(RCODE.SERVFAIL, new Error('no upstream'), { code: EDE.NO_REACHABLE_AUTHORITY, text: 'no upstream' })
    else if (this.say === 'servfail') q.begin(RCODE.SERVFAIL)
    else if (this.say === 'nxdomain') q.begin(RCODE.NXDOMAIN).authorities = [parseRecord(SOA)]
    else q.begin().answers = [parseRecord(`a.example. 30 IN A ${this.address}`)]
    return DONE
  }
}

async function serve(below: Below, options = ''): Promise<TestServer> {
  return testServer(`. {\ncache 30 {\n${options}\n}\nwhoami\n}`, { plugins: [cachePlugin, scripted((q) => below.answer(q))] })
}

const brief = (reply: Message | undefined) => [rcodeName(reply!.rcode), ...lines(reply!.answers)].join('; ')
const told = (reply: Message | undefined) => reply!.edns?.options.map((option) => readExtendedError(option)?.code)

describe('cache without serve_stale', () => {
  test('answers from an expired entry when there is no good answer, with a TTL of 30 s and the reason', async () => {
    const below = new Below()
    const server = await serve(below)
    await server.ask('a.example. A')
    server.clock.advance(60_000)
    for (const say of ['fail', 'servfail'] as const) {
      below.say = say
      const reply = await server.ask('a.example. A', EDNS)
      assert.equal(brief(reply), 'NOERROR; a.example. 30 IN A 192.0.2.1', say)
      assert.deepEqual(told(reply), [EDE.STALE_ANSWER])
      server.clock.advance(6000)
    }
    assert.equal((await server.ask('a.example. A'))!.edns, undefined)
    assert.match(await server.metrics.expose(), /coredns_cache_served_stale_total\{[^}]*\} 3/)
    await server.stop()
  })

  test('waits half a second for a good one, and takes what comes later for the next', async () => {
    let release = () => {}
    const server = await testServer('. {\ncache 30\nwhoami\n}', { plugins: [cachePlugin, scripted(async (q): Promise<Verdict> => {
      if (asked++ > 0) await new Promise<void>((resolve) => { release = resolve })
      q.begin().answers = [parseRecord(`a.example. 30 IN A 192.0.2.${asked}`)]
      return DONE
    })] })
    let asked = 0
    await server.ask('a.example. A')
    server.clock.advance(31_000)
    const late = server.ask('a.example. A')
    await until(() => asked === 2)
    server.clock.advance(501)
    assert.equal(brief(await late), 'NOERROR; a.example. 30 IN A 192.0.2.1')
    release()
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(brief(await server.ask('a.example. A')), 'NOERROR; a.example. 30 IN A 192.0.2.2')
    await server.stop()
  })

  test('does not ask again for five seconds after a failure, and then does', async () => {
    const below = new Below()
    const server = await serve(below)
    await server.ask('a.example. A')
    server.clock.advance(31_000)
    below.say = 'fail'
    for (let i = 0; i < 5; i++) await server.ask('a.example. A')
    assert.equal(below.asked, 2)
    server.clock.advance(5001)
    below.say = 'address'
    below.address = '192.0.2.9'
    assert.equal(brief(await server.ask('a.example. A')), 'NOERROR; a.example. 30 IN A 192.0.2.9')
    await server.stop()
  })

  test('a fresh denial takes the place of an expired answer, and a fresh answer that of an expired denial', async () => {
    const below = new Below()
    const server = await serve(below)
    await server.ask('a.example. A')
    server.clock.advance(31_000)
    below.say = 'nxdomain'
    assert.equal(brief(await server.ask('a.example. A')), 'NXDOMAIN')
    assert.equal(brief(await server.ask('a.example. A')), 'NXDOMAIN')
    server.clock.advance(31_000)
    below.say = 'address'
    assert.equal(brief(await server.ask('a.example. A')), 'NOERROR; a.example. 30 IN A 192.0.2.1')
    assert.equal(brief(await server.ask('a.example. A')), 'NOERROR; a.example. 30 IN A 192.0.2.1')
    assert.equal(below.asked, 3)
    await server.stop()
  })

  test('an expired denial is better than none, an expired SERVFAIL is not', async () => {
    const below = new Below()
    below.say = 'nxdomain'
    const server = await serve(below)
    await server.ask('a.example. A')
    server.clock.advance(31_000)
    below.say = 'fail'
    const reply = await server.ask('a.example. A', EDNS)
    assert.deepEqual([brief(reply), told(reply)], ['NXDOMAIN', [EDE.STALE_NXDOMAIN_ANSWER]])
    below.say = 'servfail'
    await server.ask('b.example. A')
    server.clock.advance(10_000)
    below.say = 'fail'
    const none = await server.ask('b.example. A', EDNS)
    assert.deepEqual([brief(none), told(none)], ['SERVFAIL', [EDE.NO_REACHABLE_AUTHORITY]])
    await server.stop()
  })

  test('an hour after its end an entry is gone', async () => {
    const below = new Below()
    const server = await serve(below)
    await server.ask('a.example. A')
    below.say = 'fail'
    server.clock.advance(3_629_000)
    assert.equal(brief(await server.ask('a.example. A')), 'NOERROR; a.example. 30 IN A 192.0.2.1')
    server.clock.advance(2000)
    assert.equal(brief(await server.ask('a.example. A')), 'SERVFAIL')
    await server.stop()
  })

  test('an expired name that is asked for is a miss as any other, on the wire and in the metrics', async () => {
    const below = new Below()
    const server = await serve(below)
    await server.ask('a.example. A')
    server.clock.advance(31_000)
    const again = await server.ask('a.example. A')
    assert.equal(again!.aa, false)
    const metrics = await server.metrics.expose()
    assert.match(metrics, /coredns_cache_misses_total\{[^}]*\} 2/)
    assert.doesNotMatch(metrics, /coredns_cache_hits_total\{/)
    assert.doesNotMatch(metrics, /coredns_cache_served_stale_total\{/)
    await server.stop()
  })
})

test('serve_stale off answers from no expired entry, as CoreDNS does without the line', async () => {
  const below = new Below()
  const server = await serve(below, 'serve_stale off')
  await server.ask('a.example. A')
  server.clock.advance(31_000)
  below.say = 'fail'
  assert.equal(brief(await server.ask('a.example. A')), 'SERVFAIL')
  await server.stop()
  await assert.rejects(serve(below, 'serve_stale off 1h'), /off takes no further arguments/)
})
