import type { Counter, Metrics } from '../core/metrics.ts'

/**
 * Counts the queries under way in the process and turns away what is too many: memory stays bounded when upstreams hang.
 */
export class Admission {
  readonly #limit: number
  readonly #turnedAway: Counter
  #underWay = 0

  constructor(limit: number, metrics: Metrics) {
    this.#limit = limit
    this.#turnedAway = metrics.counter('hearth_queries_shed_total', 'Queries dropped because too many were under way.').with()
  }

  get underWay(): number {
    return this.#underWay
  }

  /** False: drop the packet. True: `leave` must follow. */
  enter(): boolean {
    if (this.#underWay >= this.#limit) {
      this.#turnedAway.add()
      return false
    }
    this.#underWay++
    return true
  }

  leave(): void {
    this.#underWay--
  }
}
