import type { Clock, Timer } from '../base/clock.ts'
import type { Protocol } from '../core/query.ts'
import { CLASS, TYPE } from '../wire/codes.ts'
import { Message } from '../wire/message.ts'
import type { Name } from '../wire/name.ts'

/** Failed probes after which the pause between probes begins to grow, and what it grows to at most, in intervals. */
const PATIENCE = 4
const LONGEST_PAUSE = 8

export interface HealthSettings {
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Failed probes beyond which the upstream counts as down; 0 for never. */
  readonly maxFails: number
  readonly recursionDesired: boolean
  readonly domain: Name
  readonly protocol: Protocol
}

interface Probing {
  /** Resolves when any DNS reply came. */
  probe(request: Message, protocol: Protocol): Promise<void>
  failed(): void
}

/**
 * Whether an upstream answers, as a circuit breaker: closed while it does; half open, and asked only where there is no better one,
 * from the first failure until it answers again; open, and `down`, when its probes have failed (specification 3.26.3).
 * Probes run from a failure until one succeeds, ever more slowly.
 */
export class Health {
  readonly #settings: HealthSettings
  readonly #clock: Clock
  readonly #probing: Probing
  #fails = 0
  #timer: Timer | undefined
  #busy = false
  #doubtful = false
  #stopped = false

  constructor(settings: HealthSettings, clock: Clock, probing: Probing) {
    this.#settings = settings
    this.#clock = clock
    this.#probing = probing
  }

  get down(): boolean {
    return this.#settings.maxFails > 0 && this.#fails > this.#settings.maxFails
  }

  /** It failed, and has not answered since. */
  get doubtful(): boolean {
    return this.#doubtful
  }

  /** A query failed: probe until the upstream answers. */
  check(): void {
    if (this.#stopped || this.#settings.maxFails === 0) return
    this.#doubtful = true
    if (this.#busy) return
    this.#busy = true
    void this.#probe()
  }

  /** A query was answered. */
  answered(): void {
    this.#doubtful = false
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  async #probe(): Promise<void> {
    try {
      await this.#probing.probe(this.#request(), this.#settings.protocol)
      this.#fails = 0
      this.#busy = false
      this.#doubtful = false
      return
    } catch {
      // Why is of no use here: the query that began this has been logged with its reason.
      this.#fails++
      this.#probing.failed()
    }
    if (!this.#stopped) this.#timer = this.#clock.after(this.#pauseMs(), () => void this.#probe())
  }

  #pauseMs(): number {
    return this.#settings.intervalMs * Math.min(LONGEST_PAUSE, 2 ** Math.max(0, this.#fails - PATIENCE))
  }

  #request(): Message {
    const request = new Message()
    request.rd = this.#settings.recursionDesired
    request.questions = [{ name: this.#settings.domain, type: TYPE.NS, class: CLASS.IN }]
    return request
  }
}
