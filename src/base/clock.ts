/** Time as code below the edge folders sees it; tests pass a clock that they move by hand. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start. */
  nowMs(): number
  /** Milliseconds since the Unix epoch. */
  wallMs(): number
  /** Runs `fn` once. The timer does not keep the process alive. */
  after(ms: number, fn: () => void): Timer
  /** Runs `fn` once what is ready now has been dealt with: work that comes together is done together. */
  soon(fn: () => void): void
  /** Runs `fn` again and again until cancelled. The timer does not keep the process alive. */
  every(ms: number, fn: () => void): Timer
}

export interface Timer {
  cancel(): void
}

/** Longer timers than 24 days are not Node's: it would run them at once. They come that much early. */
const MOST_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, fn) {
    const handle = setTimeout(fn, Math.min(ms, MOST_MS)).unref()
    return { cancel: () => clearTimeout(handle) }
  },
  soon: (fn) => void setImmediate(fn),
  every(ms, fn) {
    const handle = setInterval(fn, Math.min(ms, MOST_MS)).unref()
    return { cancel: () => clearInterval(handle) }
  },
}

/** Resolves after `ms` on the given clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}
