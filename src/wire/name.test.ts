import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { equalNames, isSubdomain, labelStarts, lowerName, nameToWire, parentOf, parseName, readName, skipName, splitLabels, wireLength } from './name.ts'
import { WireError } from './wire-error.ts'

const anyName = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 8 }).map((labels) => {
  const bytes = labels.flatMap((label) => [label.length, ...label])
  return Uint8Array.from([...bytes, 0])
})

test('any name of octets reads as text that writes the same octets', () => {
  fc.assert(fc.property(anyName, (bytes) => {
    const { name, next } = readName(bytes, 0)
    assert.equal(next, bytes.length)
    assert.deepEqual(nameToWire(name), bytes)
    assert.equal(wireLength(name), bytes.length)
    assert.equal(parseName(name), name)
    assert.equal(splitLabels(name).length, labelStarts(name).length)
    assert.equal(skipName(bytes, 0), bytes.length)
  }))
})

test('any text is a name or is refused, and never anything else', () => {
  fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => {
    const name = parseName(text)
    if (name !== undefined) assert.deepEqual(nameToWire(readName(nameToWire(name), 0).name), nameToWire(name))
  }), { numRuns: 2000 })
})

test('special characters are escaped as miekg/dns escapes them', () => {
  const bytes = Uint8Array.from([3, 0x61, 0x2e, 0x62, 2, 0x20, 0x5c, 2, 0, 0xff, 1, 0x22, 0])
  assert.equal(readName(bytes, 0).name, 'a\\.b.\\ \\\\.\\000\\255.\\".')
})

test('names have limits', () => {
  assert.equal(parseName('a'.repeat(63)), `${'a'.repeat(63)}.`)
  assert.equal(parseName('a'.repeat(64)), undefined)
  const long = Array.from({ length: 3 }, () => 'b'.repeat(63)).join('.')
  assert.notEqual(parseName(`${long}.${'c'.repeat(61)}`), undefined)
  assert.equal(parseName(`${long}.${'c'.repeat(62)}`), undefined)
  for (const text of ['', 'a..b', '.a', 'a\\', 'a\\25', 'a\\256', 'ä.example']) assert.equal(parseName(text) === undefined, text !== 'ä.example', text)
})

test('compression pointers lead backwards only', () => {
  const packet = Uint8Array.from([0, 0, 1, 0x61, 0, 1, 0x62, 0xc0, 2])
  assert.deepEqual(readName(packet, 5), { name: 'b.a.', next: 9 })
  const bad: [number[], number][] = [[[0xc0, 0], 0], [[1, 0x61, 0xc0, 0], 0], [[0xc0, 4, 0, 0, 0], 0], [[0xc0], 0], [[5, 0x61], 0], [[0x40, 1], 0], [[0x80], 0], [[], 0]]
  for (const [bytes, at] of bad) assert.throws(() => readName(Uint8Array.from(bytes), at), WireError, String(bytes))
})

test('a chain of pointers through one long name stays within 255 octets', () => {
  const labels = Array.from({ length: 130 }, () => [1, 0x61]).flat()
  assert.throws(() => readName(Uint8Array.from([...labels, 0]), 0), (error) => error instanceof WireError && error.code === 'long-name')
})

test('zones contain names label by label, whatever the letter case', () => {
  assert.ok(isSubdomain('a.Example.ORG.', 'example.org.'))
  assert.ok(isSubdomain('example.org.', 'example.org.'))
  assert.ok(isSubdomain('x.', '.'))
  assert.ok(!isSubdomain('badexample.org.', 'example.org.'))
  assert.ok(!isSubdomain('a\\.example.org.', 'example.org.'), 'an escaped dot is no boundary')
  assert.ok(!isSubdomain('org.', 'example.org.'))
  assert.equal(parentOf('a\\.b.c.'), 'c.')
  assert.equal(parentOf('a.'), '.')
  assert.equal(parentOf('.'), '.')
  assert.equal(lowerName('ABC\\065.'), 'abc\\065.')
  assert.ok(equalNames('A.b.', 'a.B.'))
})
