import type { Clock, Timer } from './clock.ts'

/** Things that fall due a fixed time after they were added. One timer serves all, so adding and removing cost next to nothing. */
export class Expiry<T extends object> {
  readonly #clock: Clock
  readonly #ms: number
  readonly #expired: (thing: T) => void
  /** In the order of their time, since all wait equally long. */
  readonly #due = new Map<T, number>()
  #timer: Timer | undefined
  #running = false

  constructor(clock: Clock, ms: number, expired: (thing: T) => void) {
    this.#clock = clock
    this.#ms = ms
    this.#expired = expired
  }

  /** Not to be called for what is in already. */
  add(thing: T, nowMs: number): void {
    this.#due.set(thing, nowMs + this.#ms)
    if (this.#timer === undefined && !this.#running) this.#timer = this.#clock.after(this.#ms, this.#run)
  }

  remove(thing: T): void {
    this.#due.delete(thing)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#due.clear()
  }

  readonly #run = (): void => {
    const nowMs = this.#clock.nowMs()
    this.#timer = undefined
    this.#running = true
    // What `expired` adds meanwhile comes last, and is not due yet.
    for (const [thing, dueMs] of this.#due) {
      if (dueMs > nowMs) {
        this.#timer = this.#clock.after(dueMs - nowMs, this.#run)
        break
      }
      this.#due.delete(thing)
      this.#expired(thing)
    }
    this.#running = false
  }
}
