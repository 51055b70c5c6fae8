/** One key with how often it came, over-counted by at most `error`. */
export interface Hitter {
  readonly key: string
  readonly count: number
  readonly error: number
}

interface Slot {
  count: number
  error: number
}

/**
 * The most frequent keys of a stream in fixed memory (Space-Saving: Metwally, Agrawal, El Abbadi, 2005). Every key that makes more
 * than 1/capacity of the stream is in it. A new key takes the place of the rarest, and inherits its count as its error.
 */
export class HeavyHitters {
  readonly #capacity: number
  readonly #slots = new Map<string, Slot>()
  /** Weight of everything that came. */
  total = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  add(key: string, weight = 1): void {
    this.total += weight
    const slot = this.#slots.get(key)
    if (slot !== undefined) {
      slot.count += weight
      return
    }
    if (this.#slots.size < this.#capacity) {
      this.#slots.set(key, { count: weight, error: 0 })
      return
    }
    const [rarest, { count }] = this.#rarest()
    this.#slots.delete(rarest)
    this.#slots.set(key, { count: count + weight, error: count })
  }

  /** The most frequent first. */
  top(n: number): Hitter[] {
    return [...this.#slots].map(([key, { count, error }]) => ({ key, count, error })).sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1)).slice(0, n)
  }

  /** A walk over all: keys come in sampled, some hundred a second at most, so that this costs less than a heap's upkeep in code. */
  #rarest(): [string, Slot] {
    let found: [string, Slot] | undefined
    for (const entry of this.#slots) if (found === undefined || entry[1].count < found[1].count) found = entry
    return found!
  }
}
