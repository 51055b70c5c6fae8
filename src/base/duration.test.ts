import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatDuration, parseDuration } from './duration.ts'

test('durations read as Go reads them', () => {
  const cases: [string, number | undefined][] = [
    ['5s', 5000], ['1h30m', 5_400_000], ['0.5s', 500], ['.5s', 500], ['1.s', 1000], ['250us', 0.25], ['10ms', 10], ['-2s', -2000], ['+1m', 60_000], ['0', 0],
    ['5', undefined], ['', undefined], ['s', undefined], ['1x', undefined], ['1 s', undefined], ['1s ', undefined], ['300000h', 1_080_000_000_000], ['3000000h', undefined],
  ]
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text)
})

test('durations print as Go prints them', () => {
  const cases: [number, string][] = [[0, '0s'], [1000, '1s'], [90_000, '1m30s'], [3_600_000, '1h0m0s'], [500, '500ms'], [1500, '1.5s'], [0.25, '250µs'], [-2000, '-2s']]
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text)
})

test('what prints reads back', () => {
  fc.assert(fc.property(fc.integer({ min: -1e9, max: 1e9 }), (ms) => {
    assert.equal(parseDuration(formatDuration(ms)), ms)
  }))
})
