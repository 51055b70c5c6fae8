import { HeavyHitters, type Hitter } from './heavy-hitters.ts'

/** Half of the time that is looked back. */
const WINDOW_MS = 300_000

/** The most frequent keys of the last five to ten minutes: two sketches, of which the older is dropped when the newer is full of time. */
export class RecentHitters {
  readonly #capacity: number
  #current: HeavyHitters
  #before: HeavyHitters
  #startMs: number

  constructor(capacity: number, nowMs: number) {
    this.#capacity = capacity
    this.#current = new HeavyHitters(capacity)
    this.#before = new HeavyHitters(capacity)
    this.#startMs = nowMs
  }

  add(key: string, weight: number, nowMs: number): void {
    this.#turn(nowMs)
    this.#current.add(key, weight)
  }

  top(n: number, nowMs: number): Hitter[] {
    this.#turn(nowMs)
    const joined = new Map<string, { count: number; error: number }>()
    for (const sketch of [this.#before, this.#current]) {
      for (const { key, count, error } of sketch.top(Infinity)) {
        const sum = joined.get(key) ?? { count: 0, error: 0 }
        joined.set(key, { count: sum.count + count, error: sum.error + error })
      }
    }
    return [...joined].map(([key, sum]) => ({ key, ...sum })).sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1)).slice(0, n)
  }

  total(nowMs: number): number {
    this.#turn(nowMs)
    return this.#before.total + this.#current.total
  }

  #turn(nowMs: number): void {
    const windows = Math.floor((nowMs - this.#startMs) / WINDOW_MS)
    if (windows <= 0) return
    this.#before = windows === 1 ? this.#current : new HeavyHitters(this.#capacity)
    this.#current = new HeavyHitters(this.#capacity)
    this.#startMs += windows * WINDOW_MS
  }
}
