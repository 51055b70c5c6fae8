import type { Clock } from '../../base/clock.ts'
import type { Limit } from './options.ts'

/** Lets one of so many lines through, and at most so many in a time; says at its end how many it kept back. */
export class Throttle {
  readonly #sample: number
  readonly #limit: Limit | undefined
  readonly #clock: Clock
  readonly #report: (leftOut: number) => void
  #seen = 0
  #written = 0
  #leftOut = 0
  #counting = false

  constructor(sample: number, limit: Limit | undefined, clock: Clock, report: (leftOut: number) => void) {
    this.#sample = sample
    this.#limit = limit
    this.#clock = clock
    this.#report = report
  }

  /** True for a line that may be written. */
  take(): boolean {
    if (this.#seen++ % this.#sample !== 0) return false
    if (this.#limit === undefined) return true
    if (!this.#counting) this.#clock.after(this.#limit.perMs, () => this.#end())
    this.#counting = true
    if (this.#written < this.#limit.lines) {
      this.#written++
      return true
    }
    this.#leftOut++
    return false
  }

  #end(): void {
    this.#counting = false
    this.#written = 0
    if (this.#leftOut > 0) this.#report(this.#leftOut)
    this.#leftOut = 0
  }
}
