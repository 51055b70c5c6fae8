import type { Clock } from '../../base/clock.ts'
import type { Random } from '../../core/env.ts'
import type { Query } from '../../core/query.ts'
import type { Attempt } from '../../core/trace.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { RCODE, rcodeName, typeName } from '../../wire/codes.ts'
import { lowerName, type Name } from '../../wire/name.ts'
import type { Hitter } from './heavy-hitters.ts'
import { RecentHitters } from './recent-hitters.ts'
import { adviseNdots, SearchLists } from './search-list.ts'
import { Seconds, type Second } from './seconds.ts'

/** Keys that each table tells apart: a name with more than 1/500 of all queries is always in it. */
const CAPACITY = 500
/** Queries a second that go into the tables; of more, a random sample stands for all. */
const SAMPLES_PER_SECOND = 500
const SLOW_MS = 100
const SLOW_KEPT = 100
const TOP_SUFFIXES_OF_CLIENT = 3

/** A query that took long or failed. */
export interface SlowQuery {
  /** Unix milliseconds of its end. */
  readonly at: number
  readonly name: string
  readonly type: string
  readonly client: string
  readonly rcode: string
  readonly ms: number
  readonly by: string
  readonly error: string
  readonly upstreams: readonly Attempt[]
}

/** Names of one client that its search list asked for in vain. */
export interface SearchWaste {
  readonly client: string
  readonly count: number
  /** What was meant, the most frequent first. */
  readonly names: readonly string[]
  /** What the pod's `dnsConfig` should say; '' when it would not help. */
  readonly advice: string
}

export interface Top {
  /** Seconds that the tables look back, at most 600. */
  readonly seconds: number
  /** Queries in the tables, samples counted for what they stand for. */
  readonly queries: number
  readonly names: readonly Hitter[]
  readonly clients: readonly Hitter[]
  /** NXDOMAIN by the search domain that was put behind the name. */
  readonly suffixes: readonly Hitter[]
  readonly denied: readonly Hitter[]
  /** Queries that search lists made in vain, of all clients. */
  readonly wasted: number
  readonly waste: readonly SearchWaste[]
}

/** What goes through the program, for people: rates, the most frequent, the slow. Bounded, and sampled when there is much. */
export class Traffic {
  readonly #clock: Clock
  readonly #random: Random
  readonly #startMs: number
  readonly #seconds = new Seconds()
  readonly #names: RecentHitters
  readonly #clients: RecentHitters
  readonly #denied: RecentHitters
  readonly #suffixes: RecentHitters
  readonly #wasteClients: RecentHitters
  /** `CLIENT BASE`. */
  readonly #wasteNames: RecentHitters
  readonly #searchLists = new SearchLists()
  readonly #slow: SlowQuery[] = []
  #untilSample = 1

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
    this.#startMs = clock.nowMs()
    const table = () => new RecentHitters(CAPACITY, this.#startMs)
    ;[this.#names, this.#clients, this.#denied, this.#suffixes, this.#wasteClients, this.#wasteNames] = [table(), table(), table(), table(), table(), table()]
  }

  /** A client's query has been answered, or dropped. */
  answered(q: Query): void {
    const ms = this.#clock.nowMs() - q.arrival.startMs
    const failed = q.error !== undefined || q.reply.rcode === RCODE.SERVFAIL
    this.#seconds.count(Math.floor(this.#clock.wallMs() / 1000), ms, failed)
    if (ms >= SLOW_MS || failed) {
      this.#keepSlow({
        name: q.asked.name, type: typeName(q.asked.type), client: q.client.address, ms,
        rcode: q.dropped ? '' : rcodeName(q.reply.rcode), by: q.answeredBy, error: q.error?.message ?? '', upstreams: q.attempts ?? [],
      })
    }
    const weight = this.#sampleWeight()
    if (weight > 0) this.sampled(lowerName(q.asked.name), q.client.address, q.dropped ? -1 : q.reply.rcode, weight)
  }

  /** A client's query has been answered from octets to octets, at once. */
  answeredQuickly(question: QuickQuestion, rcode: number): void {
    this.#seconds.count(Math.floor(this.#clock.wallMs() / 1000), 0, false)
    const weight = this.#sampleWeight()
    if (weight > 0) this.sampled(question.text(), question.client?.address ?? '', rcode, weight)
  }

  /** The same after it has waited for an upstream. */
  answeredLater(question: QuickQuestion, { rcode, answeredBy }: QuickReply, attempts: readonly Attempt[]): void {
    const ms = this.#clock.nowMs() - question.startMs
    this.#seconds.count(Math.floor(this.#clock.wallMs() / 1000), ms, false)
    const client = () => question.client?.address ?? ''
    if (ms >= SLOW_MS) this.#keepSlow({ name: question.text(), type: typeName(question.type), client: client(), ms, rcode: rcodeName(rcode), by: answeredBy, error: '', upstreams: attempts })
    const weight = this.#sampleWeight()
    if (weight > 0) this.sampled(question.text(), client(), rcode, weight)
  }

  /** Queries that were answered where nobody looked at them: packet workers count, and may name one in so many with `sampled`. */
  countMany(queries: number): void {
    this.#seconds.countMany(Math.floor(this.#clock.wallMs() / 1000), queries)
  }

  /** One query that stands for `weight`. `name` lower-cased; '' for a client that is not known. */
  sampled(name: Name, client: string, rcode: number, weight: number): void {
    const nowMs = this.#clock.nowMs()
    this.#names.add(name, weight, nowMs)
    if (client !== '') this.#clients.add(client, weight, nowMs)
    if (rcode === RCODE.NXDOMAIN) this.#denials(name, client, weight, nowMs)
  }

  top(n: number): Top {
    const nowMs = this.#clock.nowMs()
    return {
      seconds: Math.min(600, Math.round((nowMs - this.#startMs) / 1000)),
      queries: this.#names.total(nowMs),
      names: this.#names.top(n, nowMs),
      clients: this.#clients.top(n, nowMs),
      suffixes: this.#suffixes.top(n, nowMs),
      denied: this.#denied.top(n, nowMs),
      wasted: this.#wasteClients.total(nowMs),
      waste: this.#waste(n, nowMs),
    }
  }

  /** The newest first. */
  slow(): readonly SlowQuery[] {
    return this.#slow.toReversed()
  }

  seconds(): readonly Second[] {
    return this.#seconds.list(Math.floor(this.#clock.wallMs() / 1000))
  }

  /** 0 for a query that is passed over; else how many it stands for. The gaps are random, so that no pattern of queries hides in them. */
  #sampleWeight(): number {
    if (--this.#untilSample > 0) return 0
    const every = Math.max(1, Math.ceil(this.#seconds.rate / SAMPLES_PER_SECOND))
    this.#untilSample = every === 1 ? 1 : 1 + Math.floor(this.#random.float() * (2 * every - 1))
    return every
  }

  #denials(name: Name, client: string, weight: number, nowMs: number): void {
    this.#denied.add(name, weight, nowMs)
    const searched = this.#searchLists.split(name)
    if (searched === undefined) return
    this.#suffixes.add(searched.suffix, weight, nowMs)
    // A name without a dot is meant to be searched, whether it exists or not.
    if (client === '' || !searched.base.includes('.')) return
    this.#wasteClients.add(client, weight, nowMs)
    this.#wasteNames.add(`${client} ${searched.base}`, weight, nowMs)
  }

  #waste(n: number, nowMs: number): SearchWaste[] {
    const all = this.#wasteNames.top(CAPACITY * 2, nowMs)
    return this.#wasteClients.top(n, nowMs).map(({ key: client, count }) => {
      const own = all.filter(({ key }) => key.startsWith(`${client} `)).map((hitter) => ({ base: hitter.key.slice(client.length + 1), count: hitter.count }))
      const dots = new Map<number, number>()
      for (const { base, count: times } of own) {
        const number = base.split('.').length - 1
        dots.set(number, (dots.get(number) ?? 0) + times)
      }
      const ndots = adviseNdots(dots)
      return { client, count, names: own.slice(0, TOP_SUFFIXES_OF_CLIENT).map(({ base }) => base), advice: ndots === undefined ? '' : `dnsConfig: { options: [{ name: ndots, value: "${ndots}" }] }` }
    })
  }

  #keepSlow(query: Omit<SlowQuery, 'at'>): void {
    if (this.#slow.length >= SLOW_KEPT) this.#slow.shift()
    this.#slow.push({ ...query, at: this.#clock.wallMs(), ms: Number(query.ms.toFixed(2)) })
  }
}
