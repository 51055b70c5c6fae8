import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from './fake-clock.ts'
import { Slices } from './slices.ts'

test('work stops when its piece is over, and goes on after a turn of the event loop', async () => {
  const clock = new FakeClock()
  const slices = new Slices(clock, 4)
  assert.equal(slices.pause(), undefined)
  clock.advance(3)
  assert.equal(slices.pause(), undefined)
  clock.advance(1)
  const pause = slices.pause()
  assert.ok(pause instanceof Promise)
  let turned = false
  setImmediate(() => { turned = true })
  await pause
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  assert.ok(turned)
  assert.equal(slices.pause(), undefined)
})

test('all who share it wait for the same turn, and share the piece behind it', async () => {
  const clock = new FakeClock()
  const slices = new Slices(clock, 4)
  clock.advance(4)
  const order: string[] = []
  const work = async (name: string) => {
    for (let i = 0; i < 4; i++) {
      const pause = slices.pause()
      if (pause !== undefined) await pause
      order.push(name)
      clock.advance(1)
    }
  }
  let turns = 0
  const count = () => {
    turns++
    if (order.length < 8) setImmediate(count)
  }
  setImmediate(count)
  await Promise.all([work('a'), work('b')])
  // Eight pieces of work of 1 ms: no turn had more than five of them, one beyond the limit for whoever was let through last.
  assert.ok(turns >= 2, `${turns} turns`)
  assert.deepEqual(order.toSorted(), ['a', 'a', 'a', 'a', 'b', 'b', 'b', 'b'])
})
