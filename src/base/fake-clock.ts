import type { Clock, Timer } from './clock.ts'

interface Due {
  at: number
  readonly order: number
  readonly fn: () => void
  readonly everyMs: number | undefined
}

/** A clock that stands still until a test moves it. Timers run inside `advance`, in order of their time. */
export class FakeClock implements Clock {
  #now = 0
  #order = 0
  readonly #startWallMs: number
  readonly #due = new Set<Due>()

  constructor(startWallMs = Date.UTC(2026, 0, 1)) {
    this.#startWallMs = startWallMs
  }

  nowMs(): number {
    return this.#now
  }

  wallMs(): number {
    return this.#startWallMs + this.#now
  }

  after(ms: number, fn: () => void): Timer {
    return this.#add(ms, fn, undefined)
  }

  /** Does not wait for the clock: sockets in tests are real. */
  soon(fn: () => void): void {
    setImmediate(fn)
  }

  every(ms: number, fn: () => void): Timer {
    return this.#add(ms, fn, Math.max(ms, 1))
  }

  /** Moves time on and runs what falls due on the way, timers added meanwhile included. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.at)
      if (next.everyMs === undefined) this.#due.delete(next)
      else next.at += next.everyMs
      next.fn()
    }
    this.#now = end
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#due.size
  }

  #next(end: number): Due | undefined {
    let first: Due | undefined
    for (const due of this.#due) {
      if (due.at > end) continue
      if (first === undefined || due.at < first.at || (due.at === first.at && due.order < first.order)) first = due
    }
    return first
  }

  #add(ms: number, fn: () => void, everyMs: number | undefined): Timer {
    const due: Due = { at: this.#now + Math.max(ms, 0), order: this.#order++, fn, everyMs }
    this.#due.add(due)
    return { cancel: () => this.#due.delete(due) }
  }
}
