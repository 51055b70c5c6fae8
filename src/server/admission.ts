import type { Clock } from '../base/clock.ts'
import type { Random } from '../core/env.ts'
import type { Counter, Metrics } from '../core/metrics.ts'
import { ClientBuckets } from './client-buckets.ts'

/** Queries a second that every client may go on asking while there is too much to do. */
const FAIR_PER_SECOND = 500
/** Refusals a second that a client gets; what it sends beyond is not worth an answer. */
const REFUSALS_PER_SECOND = 500
/** Share of the limit under way that means too much to do. */
const PRESSED_SHARE = 1 / 8
/** So late does the event loop come to its timers when there is too much to do, and so long does this count. */
const LATE_MS = 25
const PRESSED_MS = 1000
const CHECK_MS = 50

/** `enter`: `leave` must follow. `refuse`: answer REFUSED. `drop`: no answer. */
export type Admittance = 'enter' | 'refuse' | 'drop'

/**
 * Lets queries in that no cache could answer at once, and turns away what is too many: memory stays bounded when upstreams hang, and when
 * there is too much to do, clients that ask more than their share are refused before others wait.
 */
export class Admission {
  readonly #limit: number
  readonly #clock: Clock
  readonly #shares: ClientBuckets
  readonly #refusals: ClientBuckets
  readonly #dropped: Counter
  readonly #refused: Counter
  readonly #connections: Counter
  #underWay = 0
  #pressedUntilMs = -Infinity
  #looking = false

  constructor(limit: number, metrics: Metrics, clock: Clock, random: Random) {
    this.#limit = limit
    this.#clock = clock
    this.#shares = new ClientBuckets(FAIR_PER_SECOND, random.int(2 ** 31))
    this.#refusals = new ClientBuckets(REFUSALS_PER_SECOND, random.int(2 ** 31))
    const shed = metrics.counter('hearth_queries_shed_total', 'Queries turned away because there was too much to do, by what became of them: refused or dropped.', ['how'])
    this.#dropped = shed.with('dropped')
    this.#refused = shed.with('refused')
    this.#connections = metrics.counter('hearth_tcp_connections_refused_total', 'TCP connections closed at once because there were too many, of all clients or of one.').with()
  }

  get underWay(): number {
    return this.#underWay
  }

  /** `address` is only looked at, and only made, when `client` asks for it. */
  enter(client: { readonly address: string }): Admittance {
    const nowMs = this.#clock.nowMs()
    if (!this.#looking) this.#lookLater(nowMs + CHECK_MS)
    const full = this.#underWay >= this.#limit
    const share = this.#shares.take(client.address, nowMs)
    if (!full && (share || !this.#pressed(nowMs))) {
      this.#underWay++
      return 'enter'
    }
    if (!full && this.#refusals.take(client.address, nowMs)) {
      this.#refused.add()
      return 'refuse'
    }
    this.#dropped.add()
    return 'drop'
  }

  /** A TCP connection was closed at once, because there are too many. */
  connectionRefused(): void {
    this.#connections.add()
  }

  leave(): void {
    this.#underWay--
  }

  #pressed(nowMs: number): boolean {
    return nowMs < this.#pressedUntilMs || this.#underWay >= this.#limit * PRESSED_SHARE
  }

  /** Looks how late the event loop is, only while there are queries, so that an idle process sleeps. */
  #lookLater(dueMs: number): void {
    this.#looking = true
    this.#clock.after(CHECK_MS, () => this.#look(dueMs))
  }

  #look(dueMs: number): void {
    this.#looking = false
    const nowMs = this.#clock.nowMs()
    if (nowMs - dueMs > LATE_MS) this.#pressedUntilMs = nowMs + PRESSED_MS
  }
}
