import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fallsThrough, matchZone } from './zones.ts'

test('the longest zone, on label boundaries, without regard to case', () => {
  const zones = ['.', 'example.', 'sub.example.']
  assert.equal(matchZone(zones, 'A.Sub.Example.'), 'sub.example.')
  assert.equal(matchZone(zones, 'xsub.example.'), 'example.')
  assert.equal(matchZone(zones, 'org.'), '.')
  assert.equal(matchZone(['example.'], 'notexample.'), undefined)
  assert.equal(matchZone(['example.'], 'a\\.example.'), undefined)
})

test('fallthrough: not given, everything, or some zones', () => {
  assert.deepEqual([fallsThrough(undefined, 'a.'), fallsThrough([], 'a.'), fallsThrough(['b.'], 'a.'), fallsThrough(['b.'], 'a.b.')], [false, true, false, true])
})

test('as a plain search finds it', () => {
  const label = fc.constantFrom('a', 'b', 'c')
  const name = fc.array(label, { maxLength: 4 }).map((labels) => (labels.length === 0 ? '.' : `${labels.join('.')}.`))
  fc.assert(fc.property(fc.array(name, { maxLength: 5 }), name, (zones, asked) => {
    const labels = asked === '.' ? [] : asked.slice(0, -1).split('.')
    const suffixes = labels.map((_, i) => `${labels.slice(i).join('.')}.`)
    assert.equal(matchZone(zones, asked), [...suffixes, '.'].find((suffix) => zones.includes(suffix)))
  }))
})
