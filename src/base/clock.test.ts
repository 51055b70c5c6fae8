import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from './clock.ts'

test('a timer of years does not run at once', async () => {
  let ran = 0
  const timers = [systemClock.every(1e12, () => ran++), systemClock.after(1e12, () => ran++)]
  await new Promise((resolve) => setTimeout(resolve, 30))
  for (const timer of timers) timer.cancel()
  assert.equal(ran, 0)
})
