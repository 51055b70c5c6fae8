import type { Clock } from '../base/clock.ts'
import type { Random } from '../core/env.ts'
import type { Counter, Metrics } from '../core/metrics.ts'
import { ClientBuckets, FAIR_PER_SECOND, REFUSALS_PER_SECOND } from './client-buckets.ts'
import type { MemoryPlan } from './memory-budget.ts'
import { StreamBudget } from './stream-budget.ts'

/** Share of the limit under way that is too many: what is left is for clients that ask no more than their share. */
const PRESSED_SHARE = 1 / 2

/** `enter`: `leave` must follow. `refuse`: answer REFUSED. `drop`: no answer. */
export type Admittance = 'enter' | 'refuse' | 'drop'

/**
 * Lets queries in that no cache could answer at once, and turns away what is too many: memory stays bounded when upstreams hang, and when
 * half of the room is taken, clients that ask more than their share are refused before others find it full.
 */
export class Admission {
  /** TCP connections that one listener holds. */
  readonly connections: number
  /** What TCP clients may make the program hold. */
  readonly streams: StreamBudget
  readonly #limit: number
  readonly #clock: Clock
  readonly #shares: ClientBuckets
  readonly #refusals: ClientBuckets
  readonly #dropped: Counter
  /** Queries answered REFUSED for too much to do. */
  readonly refused: Counter
  readonly #tcpRefused: Counter
  #underWay = 0

  /** At some 4 KiB each, `queries` bounds the memory of those under way. */
  constructor(limits: Pick<MemoryPlan, 'queries' | 'connections' | 'streamBytes'>, metrics: Metrics, clock: Clock, random: Random) {
    this.#limit = limits.queries
    this.connections = limits.connections
    this.streams = new StreamBudget(limits.streamBytes, metrics)
    this.#clock = clock
    this.#shares = new ClientBuckets(FAIR_PER_SECOND, random.int(2 ** 31))
    this.#refusals = new ClientBuckets(REFUSALS_PER_SECOND, random.int(2 ** 31))
    const shed = metrics.counter('hearth_queries_shed_total', 'Queries turned away because there was too much to do, by what became of them: refused or dropped.', ['how'])
    this.#dropped = shed.with('dropped')
    this.refused = shed.with('refused')
    this.#tcpRefused = metrics.counter('hearth_tcp_connections_refused_total', 'TCP connections closed at once because there were too many, of all clients or of one.').with()
  }

  get underWay(): number {
    return this.#underWay
  }

  /** The client's address is only looked at under pressure, since making it may cost something. */
  enter(client: { readonly address: string }): Admittance {
    if (this.#underWay < this.#limit * PRESSED_SHARE) {
      this.#underWay++
      return 'enter'
    }
    return this.#pressed(client.address)
  }

  /** A TCP connection was closed at once, because there are too many. */
  connectionRefused(): void {
    this.#tcpRefused.add()
  }

  leave(): void {
    this.#underWay--
  }

  #pressed(address: string): Admittance {
    const nowMs = this.#clock.nowMs()
    const full = this.#underWay >= this.#limit
    if (!full && this.#shares.take(address, nowMs)) {
      this.#underWay++
      return 'enter'
    }
    if (!full && this.#refusals.take(address, nowMs)) {
      this.refused.add()
      return 'refuse'
    }
    this.#dropped.add()
    return 'drop'
  }
}
