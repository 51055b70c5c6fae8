import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Slabs } from './slabs.ts'

test('copies stay what they were, whatever is copied after them, and small ones share memory', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.nat(255)), { maxLength: 40 }), (runs) => {
    const slabs = new Slabs()
    const source = Buffer.alloc(4000)
    const copies = runs.map(([length, octet]) => slabs.copy(source.fill(octet), length))
    source.fill(7)
    copies.forEach((copy, i) => assert.deepEqual([...copy], Array.from({ length: runs[i]![0] }, () => runs[i]![1])))
  }))
  const slabs = new Slabs()
  const memories = new Set(Array.from({ length: 80 }, () => slabs.copy(new Uint8Array(100), 100).buffer))
  assert.equal(memories.size, 1)
})
