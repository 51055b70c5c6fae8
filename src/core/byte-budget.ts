/** One who holds octets that others may need. */
export interface Holder {
  readonly bytes: number
  /** Lets go of what was used longest ago; false when there is nothing left. */
  letGo(): boolean
}

/** Octets that all caches of the process may have together. Whoever has most gives way. */
export class ByteBudget {
  readonly limit: number
  /** A holder that nobody uses any more, such as the cache of a configuration before, is not kept by being listed. */
  readonly #holders = new Set<WeakRef<Holder>>()

  /** Infinity for no limit. */
  constructor(limit: number) {
    this.limit = limit
  }

  join(holder: Holder): void {
    this.#holders.add(new WeakRef(holder))
  }

  /** To be called when a holder has grown: makes room until all fit. */
  settle(): void {
    if (this.limit === Infinity) return
    while (this.#sum() > this.limit) if (this.#largest()?.letGo() !== true) return
  }

  #sum(): number {
    let sum = 0
    for (const reference of this.#holders) {
      const holder = reference.deref()
      if (holder === undefined) this.#holders.delete(reference)
      else sum += holder.bytes
    }
    return sum
  }

  #largest(): Holder | undefined {
    let largest: Holder | undefined
    for (const reference of this.#holders) {
      const holder = reference.deref()
      if (holder !== undefined && holder.bytes > (largest?.bytes ?? 0)) largest = holder
    }
    return largest
  }
}
