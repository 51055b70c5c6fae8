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
  /** No slot counts less: counts only grow, and a new one begins above the least. */
  #least = 0
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

  /** Walks until a slot counts no more than the least did. New keys stand at the end, so under a flood of them it is the first. */
  #rarest(): [string, Slot] {
    let found: [string, Slot] | undefined
    for (const entry of this.#slots) {
      if (found === undefined || entry[1].count < found[1].count) found = entry
      if (found[1].count <= this.#least) break
    }
    this.#least = found![1].count
    return found!
  }
}
