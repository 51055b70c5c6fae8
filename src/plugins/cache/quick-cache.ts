import type { Env } from '../../core/env.ts'
import { DONE, NEXT } from '../../core/plugin.ts'
import { IN_FULL, type QuickStage, type QuickVerdict, type Tally } from '../../core/quick.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { QuickZones } from '../../core/quick-zones.ts'
import { PerServer, type ServerInfo } from '../../core/server-info.ts'
import { decodeMessage } from '../../wire/decode.ts'
import type { Message } from '../../wire/message.ts'
import { Appraisal } from './appraisal.ts'
import { Entry } from './entry.ts'
import { Loan } from './loan.ts'
import type { CacheMetrics } from './metrics.ts'
import { setTtls } from './octets.ts'
import { stores, type CacheOptions } from './options.ts'
import { quickKey } from './store.ts'
import type { Stores } from './stores.ts'
import { refreshSeconds, withinBounds } from './ttl.ts'

/** What the quick way takes from the ordinary one. */
export interface Shelf {
  readonly options: CacheOptions
  readonly stores: Stores
  readonly metrics: (server: { readonly label: string }) => CacheMetrics
  /** Stores what the stages below have answered, and sets its TTLs. */
  take(key: string, message: Message, question: QuickQuestion): void
  /** Stores an entry. */
  put(entry: Entry, server: ServerInfo): void
}

/** Fresh entries from octets to octets. What is stale, or hot enough to be refreshed early, takes the ordinary way. */
export class QuickCache implements QuickStage {
  readonly byWorkers = { keeps: true, count: (tally: Tally) => this.#count(tally) }
  readonly #env: Env
  readonly #shelf: Shelf
  readonly #zones: QuickZones<true>
  readonly #metrics: PerServer<CacheMetrics>
  readonly #appraisal = new Appraisal()
  /** Of the query on its way: its key, '' when it is not for us, and the entry that answers it. */
  #key = ''
  #entry: Entry | undefined

  constructor(env: Env, shelf: Shelf) {
    this.#env = env
    this.#shelf = shelf
    this.#metrics = new PerServer(shelf.metrics)
    this.#zones = new QuickZones(shelf.options.zones.map((zone) => [zone, true]))
  }

  query(question: QuickQuestion, reply: QuickReply): QuickVerdict {
    this.#key = ''
    this.#entry = undefined
    if (this.#zones.match(question) === undefined) return NEXT
    question.stored = true
    const { options, stores: kept } = this.#shelf
    const key = quickKey(question)
    if (key === undefined) return IN_FULL
    this.#key = key
    // It was a miss when it came, whatever has been stored since.
    if (question.resumed) return NEXT
    const nowMs = this.#env.clock.nowMs()
    const entry = kept.find(key, nowMs, options)
    if (entry === undefined) return NEXT
    const left = entry.left(nowMs)
    if (left <= 0 || left <= refreshSeconds(entry.ttl, options)) return IN_FULL
    this.#entry = entry
    if (!entry.write(question, reply, options.keepTtl ? entry.ttl : left)) return IN_FULL
    reply.kept = entry.loan ??= new Loan(entry, options)
    return DONE
  }

  reply(question: QuickQuestion, reply: QuickReply): void {
    if (this.#key === '') return
    const metrics = this.#metrics.of(question.server!)
    metrics.requests.add()
    const entry = this.#entry
    if (entry === undefined) {
      metrics.misses.add()
      return this.#keep(question, reply)
    }
    entry.use.replies++
    ;(entry.denial ? metrics.denialHits : metrics.successHits).add()
    const { amount, windowMs } = this.#shelf.options.prefetch
    if (amount > 0) entry.use.countHit(this.#env.clock.nowMs(), windowMs)
  }

  /** A stage below has answered: as on the ordinary way, its reply is stored and leaves with the TTL that it is stored for. */
  #keep(question: QuickQuestion, reply: QuickReply): void {
    const { options } = this.#shelf
    const appraisal = this.#appraisal
    reply.writeHead(question)
    if (!appraisal.read(question, reply)) return this.#keepMessage(question, reply)
    const ttl = withinBounds(appraisal.leastSeconds, appraisal.type, options)
    setTtls(reply, question.questionEnd, ttl)
    const positive = appraisal.type === 'NOERROR'
    const refused = positive ? options.disableSuccess : options.disableDenial
    if (ttl > 0 && (refused.length === 0 || stores(options, positive, question.text()))) {
      this.#shelf.put(new Entry(this.#key, reply.bytes, reply.length, ttl, this.#env.clock.nowMs(), !positive, positive), question.server!)
    }
    if (!question.do && !question.ad) reply.ad = false
  }

  #keepMessage(question: QuickQuestion, reply: QuickReply): void {
    const message = decodeMessage(reply.bytes.subarray(0, reply.length))
    this.#shelf.take(this.#key, message, question)
    const ttl = message.answers[0]?.ttl ?? message.authorities[0]?.ttl ?? message.additionals[0]?.ttl
    if (ttl !== undefined) setTtls(reply, question.questionEnd, ttl)
    reply.ad = message.ad
  }

  #count({ server, successHits, denialHits }: Tally): void {
    const metrics = this.#shelf.metrics({ label: server })
    metrics.requests.add(successHits + denialHits)
    if (successHits > 0) metrics.successHits.add(successHits)
    if (denialHits > 0) metrics.denialHits.add(denialHits)
  }
}
