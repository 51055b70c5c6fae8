import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseWeights } from './weights.ts'

test('names with their addresses and weights', () => {
  const table = parseWeights('# c\nwww.Example.org\n192.0.2.1 3\n2001:db8::1 255\n  # d\n\nb.example\n192.0.2.2 1\n', 'f')
  assert.deepEqual([...table].map(([name, weights]) => [name, Object.fromEntries(weights)]), [['www.example.org.', { '192.0.2.1': 3, '2001:db8::1': 255 }], ['b.example.', { '192.0.2.2': 1 }]])
})

test('what is wrong is named with its line', () => {
  for (const text of ['192.0.2.1 3\n', 'a.example\n192.0.2.1 0\n', 'a.example\n192.0.2.1 256\n', 'a.example\n192.0.2.1 x\n', 'a.example\n192.0.2.300 1\n', 'a.example\n192.0.2.1 1 1\n']) assert.throws(() => parseWeights(text, 'f'), Error, text)
})

test('what is written is read', () => {
  fc.assert(fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.dictionary(fc.ipV4(), fc.integer({ min: 1, max: 255 }), { minKeys: 1, maxKeys: 4 }), { maxKeys: 4 }), (names) => {
    const text = Object.entries(names).map(([name, weights]) => `${name}\n${Object.entries(weights).map(([ip, weight]) => `${ip} ${weight}\n`).join('')}`).join('')
    assert.deepEqual([...parseWeights(text, 'f')].map(([name, weights]) => [name.slice(0, -1), [...weights]]), Object.entries(names).map(([name, weights]) => [name, Object.entries(weights)]))
  }))
})
