import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MetricsRegistry } from '../admin/metrics.ts'
import { StreamBudget, type StreamHolder } from './stream-budget.ts'

interface Stream extends StreamHolder {
  heldBytes: number
  isCut: boolean
}

function stream(budget: StreamBudget): Stream {
  return {
    heldBytes: 0,
    isCut: false,
    cut() {
      this.isCut = true
      this.heldBytes = 0
      // As a connection does when its socket has closed.
      budget.changed(this)
    },
  }
}

test('who holds most is cut off when all hold too much, and nobody before', async () => {
  const metrics = new MetricsRegistry()
  const budget = new StreamBudget(100, metrics)
  const [small, large, late] = [stream(budget), stream(budget), stream(budget)]
  const holds = (each: Stream, bytes: number) => {
    each.heldBytes = bytes
    budget.changed(each)
  }
  holds(small, 30)
  holds(large, 70)
  assert.ok(!large.isCut)
  holds(late, 10)
  assert.deepEqual([small.isCut, large.isCut, late.isCut, budget.sumBytes], [false, true, false, 40])
  assert.match(await metrics.expose(), /hearth_tcp_connections_cut_total 1/)
})

test('what the kernel has taken since does not count', () => {
  const budget = new StreamBudget(100, new MetricsRegistry())
  const [one, two] = [stream(budget), stream(budget)]
  one.heldBytes = 90
  budget.changed(one)
  one.heldBytes = 0
  two.heldBytes = 50
  budget.changed(two)
  assert.deepEqual([one.isCut, two.isCut, budget.sumBytes], [false, false, 50])
})

test('the sum is that of the holders and never above the limit, whatever they do', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(60)), { maxLength: 200 }), (steps) => {
    const budget = new StreamBudget(100, new MetricsRegistry())
    const streams = Array.from({ length: 10 }, () => stream(budget))
    for (const [which, bytes] of steps) {
      const each = streams[which]!
      if (each.isCut) continue
      each.heldBytes = bytes
      budget.changed(each)
      assert.ok(budget.sumBytes <= 100)
      assert.equal(budget.sumBytes, streams.reduce((sum, one) => sum + one.heldBytes, 0))
    }
  }))
})
