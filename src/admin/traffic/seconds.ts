/** What one second saw. */
export interface Second {
  /** Unix seconds. */
  readonly at: number
  readonly queries: number
  /** Answers with SERVFAIL, and those that could not be made. */
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const KEPT = 300
/** Upper bounds of latency in ms, each 1.25 times the one before, from 10 µs to about 10 s. */
const BOUNDS = Array.from({ length: 63 }, (_, i) => 0.01 * 1.25 ** i)

/** Queries and their latency, second by second, for the last five minutes. */
export class Seconds {
  readonly #done: Second[] = []
  readonly #latencies = new Uint32Array(BOUNDS.length + 1)
  #at = 0
  #queries = 0
  #failed = 0

  /** `wallSeconds` never goes back by more than the clock was set. */
  count(wallSeconds: number, latencyMs: number, failed: boolean): void {
    if (wallSeconds !== this.#at) this.turn(wallSeconds)
    this.#queries++
    if (failed) this.#failed++
    this.#latencies[latencyMs <= BOUNDS[0]! ? 0 : Math.min(BOUNDS.length, Math.ceil(Math.log(latencyMs / 0.01) / Math.log(1.25)))]!++
  }

  /** Queries that were answered elsewhere and only counted. */
  countMany(wallSeconds: number, queries: number): void {
    if (wallSeconds !== this.#at) this.turn(wallSeconds)
    this.#queries += queries
    this.#latencies[0]! += queries
  }

  /** Queries of the last whole second. */
  get rate(): number {
    return this.#done.at(-1)?.queries ?? 0
  }

  /** All seconds but the present one, seconds without a query among them. */
  list(wallSeconds: number): readonly Second[] {
    this.turn(wallSeconds)
    return this.#done
  }

  turn(wallSeconds: number): void {
    if (this.#at === 0 || wallSeconds < this.#at || wallSeconds - this.#at > KEPT) {
      this.#done.length = 0
      this.#reset(wallSeconds)
      return
    }
    while (this.#at < wallSeconds) {
      this.#done.push({ at: this.#at, queries: this.#queries, failed: this.#failed, p50Ms: this.#quantile(0.5), p99Ms: this.#quantile(0.99) })
      if (this.#done.length > KEPT) this.#done.shift()
      this.#reset(this.#at + 1)
    }
  }

  #reset(at: number): void {
    this.#at = at
    this.#queries = 0
    this.#failed = 0
    this.#latencies.fill(0)
  }

  #quantile(share: number): number {
    let left = Math.ceil(this.#queries * share)
    if (left === 0) return 0
    for (let i = 0; i < this.#latencies.length; i++) {
      left -= this.#latencies[i]!
      if (left <= 0) return Number((BOUNDS[Math.min(i, BOUNDS.length - 1)]!).toPrecision(3))
    }
    return BOUNDS.at(-1)!
  }
}
