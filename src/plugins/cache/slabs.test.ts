import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SLAB_BYTES, Slabs } from './slabs.ts'

test('copies are what was copied, and stay it', () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 2 * SLAB_BYTES })), (runs) => {
    const slabs = new Slabs()
    const copies = runs.map((run) => slabs.copy(run, run.length))
    assert.deepEqual(copies.map((copy) => [...copy]), runs.map((run) => [...run]))
  }))
})

test('what outlives all that was copied with it keeps no more than a slab', () => {
  const slabs = new Slabs()
  const kept: Uint8Array[] = []
  for (let i = 0; i < 5000; i++) {
    const copy = slabs.copy(new Uint8Array(120), 120)
    if (i % 50 === 0) kept.push(copy)
  }
  assert.ok(new Set(kept.map((copy) => copy.buffer)).size === kept.length, 'each from another slab')
  assert.ok(kept.every((copy) => copy.buffer.byteLength <= SLAB_BYTES))
  const large = slabs.copy(new Uint8Array(SLAB_BYTES), SLAB_BYTES - 1)
  assert.equal(large.buffer.byteLength, SLAB_BYTES - 1, 'what is large is no longer than it is')
})
