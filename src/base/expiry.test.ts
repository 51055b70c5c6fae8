import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Expiry } from './expiry.ts'
import { FakeClock } from './fake-clock.ts'

test('things fall due in their order, each after its time, those added on the way too, and removed ones never', () => {
  const clock = new FakeClock()
  const seen: string[] = []
  const expiry = new Expiry<{ readonly name: string }>(clock, 100, (thing) => {
    seen.push(`${thing.name} ${clock.nowMs()}`)
    if (thing.name === 'a') expiry.add({ name: 'again' }, clock.nowMs())
  })
  const gone = { name: 'gone' }
  expiry.add({ name: 'a' }, clock.nowMs())
  clock.advance(30)
  expiry.add(gone, clock.nowMs())
  expiry.add({ name: 'b' }, clock.nowMs())
  expiry.remove(gone)
  clock.advance(300)
  assert.deepEqual(seen, ['a 100', 'b 130', 'again 200'])
  assert.equal(clock.pending, 0)
  expiry.add({ name: 'late' }, clock.nowMs())
  expiry.stop()
  clock.advance(300)
  assert.equal(seen.length, 3)
  assert.equal(clock.pending, 0)
})
