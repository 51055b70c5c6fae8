import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Recency, type Linked } from './recency.ts'

class Thing implements Linked<Thing> {
  newer: Thing | undefined
  older: Thing | undefined
  readonly n: number

  constructor(n: number) {
    this.n = n
  }
}

test('the list has what was added and not removed, in the order of use, from both ends', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('add', 'remove', 'touch'), fc.nat(5))), (steps) => {
    const things = Array.from({ length: 6 }, (_, n) => new Thing(n))
    const list = new Recency<Thing>()
    let expected: number[] = []
    for (const [step, n] of steps) {
      const there = expected.includes(n)
      if (there === (step === 'add')) continue
      list[step](things[n]!)
      expected = expected.filter((each) => each !== n)
      if (step !== 'remove') expected.unshift(n)
    }
    const walk = (from: Thing | undefined, next: (thing: Thing) => Thing | undefined) => {
      const seen: number[] = []
      for (let at = from; at !== undefined; at = next(at)) seen.push(at.n)
      return seen
    }
    assert.deepEqual(walk(list.newest, (thing) => thing.older), expected)
    assert.deepEqual(walk(list.oldest, (thing) => thing.newer), expected.toReversed())
  }))
})
