import { KeyedHash } from '../../base/keyed-hash.ts'

/** Places that an account can be in; of those, the one that was charged longest ago gives way to a new one. */
const WAYS = 4
/** Octets of a key that count: a prefix, a kind, a type and a name as long as names get. */
const scratch = Buffer.alloc(512)

/**
 * A token bucket for each key, in a table of fixed size. A balance goes up to what a second allows and down to what a window allows,
 * so that who has asked far too much is quiet for as long before it is let in again.
 */
export class Accounts {
  readonly #sets: number
  readonly #windowSeconds: number
  readonly #place: KeyedHash
  readonly #mark: KeyedHash
  readonly #marks: Int32Array
  readonly #balances: Float64Array
  readonly #chargedMs: Float64Array

  /** `random` gives 32 bits that nobody can guess, so that nobody can aim at another's account. */
  constructor(size: number, windowSeconds: number, random: () => number) {
    this.#sets = Math.ceil(size / WAYS)
    this.#windowSeconds = windowSeconds
    this.#place = new KeyedHash(random(), random())
    this.#mark = new KeyedHash(random(), random())
    this.#marks = new Int32Array(this.#sets * WAYS)
    this.#balances = new Float64Array(this.#sets * WAYS)
    this.#chargedMs = new Float64Array(this.#sets * WAYS).fill(-Infinity)
  }

  /** Charges one to the key's account and gives its balance: below zero is too much. */
  charge(key: string, perSecond: number, nowMs: number): number {
    const length = scratch.write(key, 'latin1')
    const place = this.#find(this.#place.of(scratch, 0, length), this.#mark.of(scratch, 0, length))
    const earned = ((nowMs - this.#chargedMs[place]!) / 1000) * perSecond
    const balance = Math.max(Math.min(perSecond, this.#balances[place]! + earned) - 1, -this.#windowSeconds * perSecond)
    this.#balances[place] = balance
    this.#chargedMs[place] = nowMs
    return balance
  }

  #find(hash: number, mark: number): number {
    const first = ((hash >>> 0) % this.#sets) * WAYS
    let oldest = first
    for (let place = first; place < first + WAYS; place++) {
      if (this.#marks[place] === mark && this.#chargedMs[place] !== -Infinity) return place
      if (this.#chargedMs[place]! < this.#chargedMs[oldest]!) oldest = place
    }
    this.#marks[oldest] = mark
    this.#balances[oldest] = 0
    this.#chargedMs[oldest] = -Infinity
    return oldest
  }
}
