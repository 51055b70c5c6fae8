import type { Ref } from './arena.ts'

const START_SLOTS = 64

/**
 * From hashes to records, several to a hash if need be: open addressing with linear probing, eight octets an entry.
 * Whoever looks something up compares the record, since two keys may share a hash.
 */
export class HashIndex {
  /** Hash and Ref of each slot; Ref 0 marks an empty one. */
  #slots = new Int32Array(2 * START_SLOTS)
  #mask = START_SLOTS - 1
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Slot of the first entry with this hash, or -1. */
  first(hash: number): number {
    return this.#seek(hash, hash & this.#mask)
  }

  /** Slot of the next entry with the same hash, or -1. */
  next(slot: number): number {
    return this.#seek(this.#slots[2 * slot]!, (slot + 1) & this.#mask)
  }

  /** The record of a slot that `first` or `next` gave. */
  at(slot: number): Ref {
    return this.#slots[2 * slot + 1]! >>> 0
  }

  /** Nothing happens when the pair is there. */
  add(hash: number, ref: Ref): void {
    for (let slot = this.first(hash); slot >= 0; slot = this.next(slot)) if (this.at(slot) === ref) return
    if (this.#size * 4 >= this.#mask * 3) this.#grow()
    this.#insert(hash, ref)
    this.#size++
  }

  /** Nothing happens when the pair is not there. */
  remove(hash: number, ref: Ref): void {
    for (let slot = this.first(hash); slot >= 0; slot = this.next(slot)) {
      if (this.at(slot) !== ref) continue
      this.#size--
      return this.#close(slot)
    }
  }

  /** Every record, in no particular order. The table must not change meanwhile. */
  * refs(): Generator<Ref> {
    for (let slot = 0; slot <= this.#mask; slot++) if (this.#slots[2 * slot + 1] !== 0) yield this.at(slot)
  }

  #seek(hash: number, from: number): number {
    for (let slot = from; this.#slots[2 * slot + 1] !== 0; slot = (slot + 1) & this.#mask) if (this.#slots[2 * slot] === hash) return slot
    return -1
  }

  #insert(hash: number, ref: Ref): void {
    let slot = hash & this.#mask
    while (this.#slots[2 * slot + 1] !== 0) slot = (slot + 1) & this.#mask
    this.#slots[2 * slot] = hash
    this.#slots[2 * slot + 1] = ref
  }

  /** Moves entries back over an empty slot, as far as each may go, so that no search ends early at it. */
  #close(empty: number): void {
    const slots = this.#slots
    let hole = empty
    for (let slot = (hole + 1) & this.#mask; slots[2 * slot + 1] !== 0; slot = (slot + 1) & this.#mask) {
      const home = slots[2 * slot]! & this.#mask
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue
      slots[2 * hole] = slots[2 * slot]!
      slots[2 * hole + 1] = slots[2 * slot + 1]!
      hole = slot
    }
    slots[2 * hole + 1] = 0
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = new Int32Array(before.length * 2)
    this.#mask = this.#mask * 2 + 1
    for (let i = 0; i < before.length; i += 2) if (before[i + 1] !== 0) this.#insert(before[i]!, before[i + 1]!)
  }
}
