import type { ByteBudget } from '../../core/byte-budget.ts'
import type { PacketCache } from '../../core/quick.ts'
import { RCODE } from '../../wire/codes.ts'
import type { Entry } from './entry.ts'
import type { CacheOptions } from './options.ts'
import { Store } from './store.ts'

/** The two stores of a cache, which outlive a reload. */
export class Stores {
  readonly success: Store
  readonly denial: Store

  constructor(options: CacheOptions, packets: PacketCache, budget: ByteBudget) {
    this.success = new Store(options.success.capacity, packets, budget)
    this.denial = new Store(options.denial.capacity, packets, budget)
  }

  /** The packet cache answers no longer with what is under the key. */
  withdraw(key: string): void {
    this.success.withdraw(key)
    this.denial.withdraw(key)
  }

  /** The entry that answers: fresh, or stale within the window. */
  find(key: string, nowMs: number, options: CacheOptions): Entry | undefined {
    const { upToSeconds, lastResort } = options.stale
    const kept = this.success.get(key)
    const positive = usable(kept, nowMs, upToSeconds)
    if (options.preferPositive && upToSeconds > 0) {
      const good = usable(kept?.answering === true ? kept : kept?.lastGood, nowMs, upToSeconds)
      if (good !== undefined) return good
    }
    const negative = usable(this.denial.get(key), nowMs, upToSeconds)
    if (negative === undefined) return positive
    // SERVFAIL passes; it must not hide an answer that is still good.
    const failure = negative.rcode === RCODE.SERVFAIL
    if (positive !== undefined && (failure || (lastResort && outlives(positive, negative, nowMs)))) return positive
    return lastResort && failure && negative.left(nowMs) <= 0 ? undefined : negative
  }
}

/** An expired denial hides neither what is fresh nor what is newer. */
function outlives(positive: Entry, negative: Entry, nowMs: number): boolean {
  if (negative.left(nowMs) > 0) return false
  return positive.left(nowMs) > 0 || positive.storedMs > negative.storedMs
}

function usable(entry: Entry | undefined, nowMs: number, staleSeconds: number): Entry | undefined {
  if (entry === undefined) return undefined
  const left = entry.left(nowMs)
  return left > 0 || -left < staleSeconds ? entry : undefined
}
