import type { Answer, Env } from '../../core/env.ts'
import { DONE, NEXT, type Slot, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { responseType } from '../../core/response-type.ts'
import { PerServer } from '../../core/server-info.ts'
import type { CachedAnswer, CacheState } from '../../core/stage-state.ts'
import type { Facts } from '../../core/trace.ts'
import { matchZone } from '../../core/zones.ts'
import { RCODE } from '../../wire/codes.ts'
import { EDE } from '../../wire/edns.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { WireError, type Message, type Question } from '../../wire/message.ts'
import { equalNames } from '../../wire/name.ts'
import { answers, cacheable, cacheType } from './answering.ts'
import { inBailiwick } from './bailiwick.ts'
import { Entry, withTtl } from './entry.ts'
import { Forgetting } from './forgetting.ts'
import { cachedAnswers, usesOf } from './contents.ts'
import { cacheMetrics, type CacheMetrics } from './metrics.ts'
import { stores, type CacheOptions } from './options.ts'
import { QuickCache } from './quick-cache.ts'
import { cacheKey } from './store.ts'
import { Stores } from './stores.ts'
import { keepSeconds, refreshSeconds } from './ttl.ts'

/** Refreshes without a client that run at once; beyond this an entry is refreshed by a later hit. */
const REFRESHES_LIMIT = 256

/** Who asks: what a stored reply depends on, and what the client may see of it. */
interface Asked {
  readonly question: Question
  readonly key: string
  readonly do: boolean
  readonly ad: boolean
}

/** Keeps replies of the stages below and answers from them (specification 3.13, 11.4, 11.5). */
export class Cache implements Stage {
  readonly name = 'cache'
  readonly #env: Env
  readonly #options: CacheOptions
  readonly #stores: Stores
  readonly #asked: Slot<Asked>
  readonly #metrics: PerServer<CacheMetrics>
  readonly quick: QuickCache
  readonly #forgetting: Forgetting
  #unfollow: (() => void)[] = []
  #refreshes = 0

  constructor(env: Env, options: CacheOptions) {
    this.#env = env
    this.#options = options
    this.#stores = env.keep(() => new Stores(options, env.packets, env.cacheBudget))
    this.#forgetting = new Forgetting(this.#stores, env.clock)
    this.#asked = env.slot()
    const metrics = cacheMetrics(env.metrics, options.zones.join(','), env.block.view)
    this.#metrics = new PerServer(metrics)
    this.quick = new QuickCache(env, {
      options,
      stores: this.#stores,
      metrics,
      take: (key, message, question) => {
        this.#take({ question: message.questions[0]!, key, do: question.do, ad: question.ad }, message, false, this.#metrics.of(question.server!))
      },
      put: (entry, server) => { this.#put(entry, false, this.#metrics.of(server)) },
    })
  }

  /** What stages below know to have changed is forgotten, so that nobody waits for a TTL of ours. */
  async start(): Promise<void> {
    this.#unfollow = this.#env.siblings().flatMap((stage) => stage.onChanged?.((names) => this.#forgetting.add(names)) ?? [])
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    for (const unfollow of this.#unfollow) unfollow()
    this.#forgetting.stop()
    return Promise.resolve()
  }

  query(q: Query): Verdict | Promise<Verdict> {
    if (matchZone(this.#options.zones, q.question.name) === undefined) return NEXT
    const asked = { question: q.question, key: cacheKey(q.request), do: q.request.edns?.do === true, ad: q.request.ad }
    const nowMs = this.#env.clock.nowMs()
    const metrics = this.#metrics.of(q.server)
    metrics.requests.add()
    const entry = this.#stores.find(asked.key, nowMs, this.#options)
    if (entry !== undefined && this.#options.stale.lastResort && entry.left(nowMs) <= 0) return this.#missOrStale(q, asked, entry, metrics)
    if (entry !== undefined) (entry.denial ? metrics.denialHits : metrics.successHits).add()
    if (entry === undefined) {
      metrics.misses.add()
      this.#asked.set(q, asked)
      // What is stored must serve clients that want to know whether it is authentic.
      q.request.ad = true
      return NEXT
    }
    const left = entry.left(nowMs)
    if (left <= 0) return this.#stale(q, asked, entry, nowMs)
    if (this.#worthPrefetch(entry, nowMs)) this.#refresh(q, asked, entry, nowMs, false)
    entry.reply(q, this.#options.keepTtl ? entry.ttl : left, asked.do || asked.ad)
    return DONE
  }

  reply(q: Query): void {
    const asked = this.#asked.get(q)
    if (asked === undefined) return
    q.request.ad = asked.ad
    if (q.written) this.#take(asked, q.reply, false, this.#metrics.of(q.server))
  }

  states(): readonly [CacheState] {
    const { success, denial } = this.#stores
    const options = this.#options
    return [{
      kind: 'cache', zones: options.zones,
      success: { entries: success.size, capacity: options.success.capacity },
      denial: { entries: denial.size, capacity: options.denial.capacity },
    }]
  }

  findCached(text: string, limit: number): readonly CachedAnswer[] {
    const nowMs = this.#env.clock.nowMs()
    return [...cachedAnswers(this.#stores.success, 'success', text, limit, nowMs, this.#env.packets), ...cachedAnswers(this.#stores.denial, 'denial', text, limit, nowMs, this.#env.packets)].slice(0, limit)
  }

  explain(q: Query): Facts {
    const { zones, stale } = this.#options
    if (matchZone(zones, q.question.name) === undefined) return { state: 'not for this name', zones }
    const key = cacheKey(q.request)
    const nowMs = this.#env.clock.nowMs()
    const entry = this.#stores.find(key, nowMs, this.#options)
    if (entry === undefined) return { state: 'miss', key }
    const left = entry.left(nowMs)
    const window = stale.upToSeconds > 0 ? { 'stale until': `${left + stale.upToSeconds} s from now` } : {}
    return { state: left > 0 ? 'hit' : 'stale', key, store: this.#stores.success.peek(key) === entry ? 'success' : 'denial', 'ttl left': `${left} of ${entry.ttl} s`, hits: usesOf(entry, this.#env.packets), ...window }
  }

  #stale(q: Query, asked: Asked, entry: Entry, nowMs: number): Verdict | Promise<Verdict> {
    if (this.#options.stale.verify) return this.#verify(q, asked, entry)
    this.#refresh(q, asked, entry, nowMs, true)
    return this.#serveStale(q, asked, entry)
  }

  /** A miss like any other, but for the answer when there is no good one in time. */
  async #missOrStale(q: Query, asked: Asked, entry: Entry, metrics: CacheMetrics): Promise<Verdict> {
    const { recheckMs, verifyTimeoutMs } = this.#options.stale
    if (this.#env.clock.nowMs() < entry.use.retryAfterMs) return this.#serveStale(q, asked, entry)
    metrics.misses.add()
    const asking = this.#env.ask(q, { scope: 'below', ad: true }).then((answer) => {
      const good = this.#replaces(answer, asked)
      if (good) this.#take(asked, answer.message, false, metrics)
      return good ? answer : undefined
    })
    const fresh = await this.#withTimeout(asking, verifyTimeoutMs)
    if (fresh !== undefined) {
      q.adopt(fresh.message)
      q.answeredBy = fresh.by
      return DONE
    }
    entry.use.retryAfterMs = this.#env.clock.nowMs() + recheckMs
    return this.#serveStale(q, asked, entry)
  }

  #serveStale(q: Query, asked: Asked, entry: Entry): Verdict {
    this.#metrics.of(q.server).servedStale.add()
    const ttl = this.#options.stale.ttl > 0 ? this.#options.stale.ttl : this.#options.keepTtl ? entry.ttl : 0
    entry.reply(q, ttl, asked.do || asked.ad)
    q.extendedError = { code: entry.rcode === RCODE.NXDOMAIN ? EDE.STALE_NXDOMAIN_ANSWER : EDE.STALE_ANSWER, text: '' }
    return DONE
  }

  /** Asks below with the client waiting, for as long as the options say; what is not good enough leaves the stale answer. */
  async #verify(q: Query, asked: Asked, entry: Entry): Promise<Verdict> {
    const { recheckMs, verifyTimeoutMs } = this.#options.stale
    if (recheckMs > 0 && !this.#beginRefresh(entry)) return this.#serveStale(q, asked, entry)
    const verifying = this.#askBelow(q, asked, entry, verifyTimeoutMs > 0)
    const fresh = verifyTimeoutMs > 0 ? await this.#withTimeout(verifying, verifyTimeoutMs) : await verifying
    if (fresh === undefined) return this.#serveStale(q, asked, entry)
    if (fresh.entry !== undefined && verifyTimeoutMs > 0) {
      fresh.entry.reply(q, this.#options.keepTtl ? fresh.entry.ttl : fresh.entry.left(this.#env.clock.nowMs()), asked.do || asked.ad)
    } else q.adopt(fresh.message)
    return DONE
  }

  async #askBelow(q: Query, asked: Asked, entry: Entry, detached: boolean): Promise<{ message: Message; entry: Entry | undefined } | undefined> {
    const answer = await this.#env.ask(q, { scope: 'below', ad: true })
    const good = this.#replaces(answer, asked)
    let stored: Entry | undefined
    if (good || (this.#options.preferPositive && answer.written && !answer.message.tc && sameQuestion(answer.message, asked))) {
      stored = this.#take(asked, answer.message, detached || !good, this.#metrics.of(q.server))
    }
    if (this.#options.stale.recheckMs > 0) this.#endRefresh(entry, good)
    return good ? { message: answer.message, entry: stored } : undefined
  }

  #withTimeout<T>(verifying: Promise<T | undefined>, timeoutMs: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const timer = this.#env.clock.after(timeoutMs, () => resolve(undefined))
      verifying.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  /** Whether an answer is good enough to take the place of a stale one (RFC 8767 4). */
  #replaces(answer: Answer, asked: Asked): boolean {
    const { message } = answer
    if (!answer.written || message.tc || !sameQuestion(message, asked)) return false
    const wallMs = this.#env.clock.wallMs()
    if (this.#options.preferPositive) return cacheType(message, wallMs) === 'NOERROR' && answers(message)
    const type = responseType(message, wallMs)
    if (type === 'OTHERERROR' || type === 'META' || type === 'UPDATE') return false
    return message.rcode === RCODE.NOERROR || message.rcode === RCODE.NXDOMAIN
  }

  #worthPrefetch(entry: Entry, nowMs: number): boolean {
    const { amount, windowMs } = this.#options.prefetch
    if (amount <= 0) return false
    const elsewhere = entry.loan === undefined ? undefined : this.#env.packets.takeStreak(entry.loan)
    const { use } = entry
    if (elsewhere !== undefined) use.inheritHits(elsewhere.lastMs, elsewhere.anew ? elsewhere.hits : use.hits + elsewhere.hits)
    use.countHit(nowMs, windowMs)
    return use.hits >= amount && entry.left(nowMs) <= refreshSeconds(entry.ttl, this.#options)
  }

  /** Asks below in the background, over TCP, once per entry. */
  #refresh(q: Query, asked: Asked, entry: Entry, nowMs: number, stale: boolean): void {
    if (this.#refreshes >= REFRESHES_LIMIT || !this.#beginRefresh(entry)) return
    this.#refreshes++
    this.#metrics.of(q.server).prefetches.add()
    void this.#refreshNow(q, asked, entry, nowMs, stale).finally(() => this.#refreshes--)
  }

  async #refreshNow(q: Query, asked: Asked, entry: Entry, nowMs: number, stale: boolean): Promise<void> {
    const answer = await this.#env.ask(q, { scope: 'below', protocol: 'tcp', ad: true })
    const good = stale ? this.#replaces(answer, asked) : answer.written
    const positive = this.#options.preferPositive && answer.written && !answer.message.tc && sameQuestion(answer.message, asked)
    if (good || (stale && positive)) this.#take({ ...asked, ad: true }, answer.message, true, this.#metrics.of(q.server))?.use.inheritHits(nowMs, entry.use.hits)
    this.#endRefresh(entry, good)
  }

  #beginRefresh(entry: Entry): boolean {
    const { use } = entry
    if (use.refreshing || this.#env.clock.nowMs() < use.retryAfterMs) return false
    use.refreshing = true
    return true
  }

  #endRefresh(entry: Entry, good: boolean): void {
    const { recheckMs } = this.#options.stale
    entry.use.retryAfterMs = recheckMs > 0 && !good ? this.#env.clock.nowMs() + recheckMs : -Infinity
    entry.use.refreshing = false
  }

  /**
   * Sets every TTL of a reply to the one it is kept for, drops its OPT, and stores it if it may be. `detached`: no client sees
   * this reply, it is the newest state of its name.
   */
  #take(asked: Asked, message: Message, detached: boolean, metrics: CacheMetrics): Entry | undefined {
    const type = cacheType(message, this.#env.clock.wallMs())
    const ttl = keepSeconds(message, type, this.#options)
    message.answers = withTtl(message.answers, ttl)
    message.authorities = withTtl(message.authorities, ttl)
    message.additionals = withTtl(message.additionals, ttl)
    message.edns = undefined
    let entry: Entry | undefined
    if (cacheable(message, type) && ttl > 0) {
      if (sameQuestion(message, asked) && inBailiwick(message)) entry = this.#store(asked, message, ttl, type === 'NOERROR' || type === 'DELEGATION', detached, metrics)
      else metrics.drops.add()
    }
    if (!asked.do && !asked.ad) message.ad = false
    return entry
  }

  #store(asked: Asked, message: Message, ttl: number, positive: boolean, detached: boolean, metrics: CacheMetrics): Entry | undefined {
    if (!stores(this.#options, positive, asked.question.name)) return undefined
    const octets = octetsOf(message)
    if (octets === undefined) return undefined
    const entry = new Entry(asked.key, octets, octets.length, ttl, this.#env.clock.nowMs(), !positive, answers(message))
    this.#put(entry, detached, metrics)
    return entry
  }

  #put(entry: Entry, detached: boolean, metrics: CacheMetrics): void {
    const { key } = entry
    const { preferPositive } = this.#options
    const positive = !entry.denial
    const store = positive ? this.#stores.success : this.#stores.denial
    if (positive && preferPositive && !entry.answering) {
      const before = store.get(key)
      entry.lastGood = before?.answering === true ? before : before?.lastGood
    }
    // What is stored now can hide what the other store has, also where the packet cache answers with it.
    this.#stores.withdraw(key)
    const evictedBefore = store.evicted
    store.set(entry)
    const evicted = store.evicted - evictedBefore
    if (evicted > 0) (positive ? metrics.successEvictions : metrics.denialEvictions).add(evicted)
    if (positive && (preferPositive ? entry.answering : detached)) this.#stores.denial.delete(key)
    metrics.sizes(this.#stores.success.size, this.#stores.denial.size)
  }
}

/** Undefined for what has no wire form, or none that fits a message without compression: its client is told, and nothing is kept. */
function octetsOf(message: Message): Uint8Array | undefined {
  try {
    return encodeMessage(message)
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}

function sameQuestion(message: Message, asked: Asked): boolean {
  const question = message.questions[0]
  return message.qr && question !== undefined && message.questions.length === 1
    && question.type === asked.question.type && question.class === asked.question.class && equalNames(question.name, asked.question.name)
}
