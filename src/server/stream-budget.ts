import type { Counter, Metrics } from '../core/metrics.ts'

/** A connection that makes the program hold octets: questions that have not come whole, answers that its client does not read. */
export interface StreamHolder {
  /** What it holds now. */
  readonly heldBytes: number
  /** Ends it at once. */
  cut(): void
}

/** Octets that all stream clients together may make the program hold. Whoever holds most is cut off when it is too much. */
export class StreamBudget {
  readonly #limitBytes: number
  readonly #held = new Map<StreamHolder, number>()
  readonly #cut: Counter
  #sumBytes = 0

  constructor(limitBytes: number, metrics: Metrics) {
    this.#limitBytes = limitBytes
    this.#cut = metrics.counter('hearth_tcp_connections_cut_total', 'TCP connections ended because their clients did not read answers, or did not finish questions, when all held too much.').with()
  }

  /** Octets held, as far as told. */
  get sumBytes(): number {
    return this.#sumBytes
  }

  /** To be told when a holder holds another amount than before. */
  changed(holder: StreamHolder): void {
    const before = this.#held.get(holder) ?? 0
    const now = holder.heldBytes
    if (now === before) return
    this.#sumBytes += now - before
    if (now === 0) this.#held.delete(holder)
    else this.#held.set(holder, now)
    if (now > before && this.#sumBytes > this.#limitBytes) this.#makeRoom()
  }

  /** What was told last may be less by now: the kernel has taken octets since. */
  #makeRoom(): void {
    for (const holder of this.#held.keys()) this.changed(holder)
    while (this.#sumBytes > this.#limitBytes) {
      const [largest] = [...this.#held].reduce((most, each) => (each[1] > most[1] ? each : most))
      this.#sumBytes -= this.#held.get(largest)!
      this.#held.delete(largest)
      this.#cut.add()
      largest.cut()
    }
  }
}
