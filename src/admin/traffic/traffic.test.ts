import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FakeClock } from '../../base/fake-clock.ts'
import type { Query } from '../../core/query.ts'
import { HeavyHitters } from './heavy-hitters.ts'
import { RecentHitters } from './recent-hitters.ts'
import { adviseNdots, SearchLists } from './search-list.ts'
import { Seconds } from './seconds.ts'
import { Traffic } from './traffic.ts'

const random = { float: () => 0.5, int: () => 0 }

function query(clock: FakeClock, name: string, more: { client?: string; rcode?: number; ms?: number; error?: Error } = {}): Query {
  return {
    asked: { name, type: 1, class: 1 }, arrival: { startMs: clock.nowMs() - (more.ms ?? 1) }, client: { address: more.client ?? '10.0.0.1' },
    reply: { rcode: more.rcode ?? 0 }, error: more.error, dropped: false, answeredBy: 'forward', attempts: undefined,
  } as unknown as Query
}

describe('heavy hitters', () => {
  test('hold every frequent key, within their error, in bounded memory', () => {
    fc.assert(fc.property(fc.array(fc.nat({ max: 60 }), { maxLength: 800 }), (keys) => {
      const sketch = new HeavyHitters(20)
      const real = new Map<string, number>()
      for (const key of keys) {
        sketch.add(`k${key}`)
        real.set(`k${key}`, (real.get(`k${key}`) ?? 0) + 1)
      }
      const top = sketch.top(Infinity)
      assert.ok(top.length <= 20)
      assert.equal(sketch.total, keys.length)
      for (const { key, count, error } of top) {
        assert.ok(count >= real.get(key)! && count - error <= real.get(key)!, `${key} ${count} ${error} ${real.get(key)}`)
      }
      for (const [key, count] of real) if (count > keys.length / 20) assert.ok(top.some((hitter) => hitter.key === key), key)
    }))
  })

  test('forget what is older than ten minutes', () => {
    const recent = new RecentHitters(10, 0)
    recent.add('a', 1, 0)
    recent.add('a', 2, 301_000)
    assert.deepEqual(recent.top(5, 301_000), [{ key: 'a', count: 3, error: 0 }])
    assert.deepEqual(recent.top(5, 601_000), [{ key: 'a', count: 2, error: 0 }])
    assert.deepEqual(recent.top(5, 2_000_000), [])
  })
})

describe('search lists', () => {
  test('tell what was meant from what was put behind it', () => {
    const lists = new SearchLists()
    for (const [name, base, suffix] of [
      ['www.example.com.shop.svc.cluster.local.', 'www.example.com', 'shop.svc.cluster.local.'],
      ['www.example.com.svc.cluster.local.', 'www.example.com', 'svc.cluster.local.'],
      ['www.example.com.cluster.local.', 'www.example.com', 'cluster.local.'],
      ['web.shop.default.svc.k8s.corp.', 'web.shop', 'default.svc.k8s.corp.'],
      ['x.k8s.corp.', 'x', 'k8s.corp.'],
    ] as const) assert.deepEqual(lists.split(name), { base, suffix }, name)
    for (const name of ['www.example.com.', 'web.svc.cluster.local.', '10-0-0-1.shop.pod.cluster.local.', 'svc.cluster.local.', '.']) assert.equal(lists.split(name), undefined, name)
  })

  test('never throw, and learn few zones', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('svc', 'a', 'com', 'cluster', 'local', 'pod'), { maxLength: 8 }), (labels) => {
      new SearchLists().split(labels.length === 0 ? '.' : `${labels.join('.')}.`)
    }))
  })

  test('the ndots that spares most of it', () => {
    assert.equal(adviseNdots(new Map([[2, 95], [1, 5]])), 2)
    assert.equal(adviseNdots(new Map([[2, 50], [1, 50]])), 1)
    assert.equal(adviseNdots(new Map([[7, 10]])), 4)
    assert.equal(adviseNdots(new Map([[0, 10]])), undefined)
    assert.equal(adviseNdots(new Map()), undefined)
  })
})

describe('seconds', () => {
  test('queries, failures and latency of each, silent ones too, five minutes back', () => {
    const seconds = new Seconds()
    for (let i = 0; i < 100; i++) seconds.count(1000, i < 98 ? 1 : 50, i === 0)
    const [first, silent, ...rest] = seconds.list(1002)
    assert.deepEqual([first!.queries, first!.failed, rest.length], [100, 1, 0])
    assert.ok(first!.p50Ms >= 1 && first!.p50Ms < 1.3 && first!.p99Ms >= 50 && first!.p99Ms < 63, JSON.stringify(first))
    assert.deepEqual(silent, { at: 1001, queries: 0, failed: 0, p50Ms: 0, p99Ms: 0 })
    assert.equal(seconds.list(1299).length, 299)
    assert.equal(seconds.list(2000).length, 0)
    seconds.count(1500, 1, false)
    assert.equal(seconds.list(1501).length, 1)
  })
})

describe('traffic', () => {
  test('names, clients, denials by search domain, and whose search list is in vain', () => {
    const clock = new FakeClock()
    const traffic = new Traffic(clock, random)
    for (let i = 0; i < 3; i++) {
      for (const suffix of ['shop.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.']) traffic.answered(query(clock, `API.example.com.${suffix}`, { client: '10.0.0.7', rcode: 3 }))
      traffic.answered(query(clock, 'api.example.com.', { client: '10.0.0.7' }))
    }
    traffic.answered(query(clock, 'web.shop.svc.cluster.local.'))
    const top = traffic.top(2)
    assert.equal(top.queries, 13)
    assert.deepEqual(top.clients.map(({ key, count }) => `${key} ${count}`), ['10.0.0.7 12', '10.0.0.1 1'])
    assert.deepEqual(top.names.map(({ count }) => count), [3, 3])
    assert.deepEqual(top.suffixes.map(({ key, count }) => `${key} ${count}`), ['cluster.local. 3', 'shop.svc.cluster.local. 3'])
    assert.equal(top.wasted, 9)
    assert.deepEqual(top.waste, [{ client: '10.0.0.7', count: 9, names: ['api.example.com'], advice: 'dnsConfig: { options: [{ name: ndots, value: "2" }] }' }])
  })

  test('slow and failed queries, the newest first, a hundred of them', () => {
    const clock = new FakeClock()
    const traffic = new Traffic(clock, random)
    traffic.answered(query(clock, 'fast.'))
    traffic.answered(query(clock, 'slow.', { ms: 120 }))
    traffic.answered(query(clock, 'failed.', { rcode: 2, error: new Error('i/o timeout') }))
    assert.deepEqual(traffic.slow().map(({ name, ms, error }) => `${name} ${ms} ${error}`), ['failed. 1 i/o timeout', 'slow. 120 '])
    for (let i = 0; i < 200; i++) traffic.answered(query(clock, 'slow.', { ms: 120 }))
    assert.equal(traffic.slow().length, 100)
  })

  test('of many queries a sample stands for all', () => {
    const clock = new FakeClock()
    let state = 1
    const traffic = new Traffic(clock, { float: () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647, int: () => 0 })
    for (let second = 0; second < 5; second++) {
      for (let i = 0; i < 5000; i++) traffic.answered(query(clock, i % 5 === 0 ? 'rare.' : 'often.'))
      clock.advance(1000)
    }
    const { names, queries } = traffic.top(2)
    assert.ok(Math.abs(queries - 25_000) < 2500, String(queries))
    assert.ok(Math.abs(names[0]!.count / queries - 0.8) < 0.06, JSON.stringify(names))
  })
})
