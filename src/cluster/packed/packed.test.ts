import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryObject } from '../../../test/support/cluster-objects.ts'
import { Arena, type Ref } from './arena.ts'
import { HashIndex } from './hash-index.ts'
import { RecordReader } from './reader.ts'
import { readObject, skipIdentity, writeObject } from './record.ts'
import { RecordWriter } from './writer.ts'

describe('the arena', () => {
  test('places never overlap, and what is in them stays', () => {
    const steps = fc.array(fc.record({ size: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 200_000, max: 1_100_000 })), free: fc.boolean() }), { maxLength: 60 })
    fc.assert(fc.property(steps, (list) => {
      const arena = new Arena()
      const held = new Map<Ref, { size: number; mark: number }>()
      for (const [i, { size, free }] of list.entries()) {
        const ref = arena.allocate(size)
        assert.ok(ref > 0 && !held.has(ref))
        arena.chunk(ref).fill(i, arena.offset(ref), arena.offset(ref) + size)
        held.set(ref, { size, mark: i })
        for (const [other, { size: otherSize, mark }] of held) {
          const octets = arena.chunk(other).subarray(arena.offset(other), arena.offset(other) + otherSize)
          assert.ok(octets.equals(Buffer.alloc(otherSize, mark)), `place ${other}`)
        }
        if (!free) continue
        arena.release(ref, size)
        held.delete(ref)
      }
    }), { numRuns: 30 })
  })

  test('memory that is given back is given out again', () => {
    const arena = new Arena()
    for (let round = 0; round < 100; round++) {
      const refs = Array.from({ length: 200 }, (_, i) => ({ ref: arena.allocate(40 + i), size: 40 + i }))
      for (const { ref, size } of refs) arena.release(ref, size)
      const large = arena.allocate(700_000)
      arena.release(large, 700_000)
    }
    assert.ok(arena.sizeBytes <= 2 * 1024 * 1024, `${arena.sizeBytes}`)
  })
})

test('the hash index holds the same pairs as a plain list', () => {
  // Few hashes, so that entries crowd together and close gaps over each other.
  const step = fc.record({ add: fc.boolean(), hash: fc.integer({ min: -40, max: 40 }), ref: fc.integer({ min: 1, max: 12 }) })
  fc.assert(fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
    const index = new HashIndex()
    const model = new Set<string>()
    for (const { add, hash, ref } of steps) {
      if (add) index.add(hash, ref)
      else index.remove(hash, ref)
      if (add) model.add(`${hash} ${ref}`)
      else model.delete(`${hash} ${ref}`)
    }
    const found: string[] = []
    for (let hash = -40; hash <= 40; hash++) for (let slot = index.first(hash); slot >= 0; slot = index.next(slot)) found.push(`${hash} ${index.at(slot)}`)
    assert.deepEqual(found.sort(), [...model].sort())
    assert.equal(index.size, model.size)
    assert.equal([...index.refs()].length, model.size)
  }))
})

test('an object reads back as it was written, wherever it stands', () => {
  const writer = new RecordWriter()
  const reader = new RecordReader()
  fc.assert(fc.property(fc.array(arbitraryObject(), { minLength: 1, maxLength: 4 }), (objects) => {
    writer.at = 0
    const starts = objects.map((object) => {
      const start = writer.at
      writeObject(object, writer)
      return start
    })
    const bytes = Buffer.from(writer.bytes.subarray(0, writer.at))
    for (const [i, object] of objects.entries()) {
      assert.deepEqual(readObject(object.kind, reader.begin(bytes, starts[i]!)), object)
      skipIdentity(reader.begin(bytes, starts[i]!))
      if (object.kind === 'Pod') assert.equal(reader.host(), object.ip)
    }
  }))
})
