import type { Answer, Env } from '../../core/env.ts'
import { DONE, NEXT, type Slot, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { responseType } from '../../core/response-type.ts'
import { PerServer } from '../../core/server-info.ts'
import type { Facts } from '../../core/trace.ts'
import { matchZone } from '../../core/zones.ts'
import { RCODE } from '../../wire/codes.ts'
import { EDE } from '../../wire/edns.ts'
import type { Message, Question } from '../../wire/message.ts'
import { equalNames } from '../../wire/name.ts'
import { answers, cacheable, cacheType } from './answering.ts'
import { Entry, withTtl } from './entry.ts'
import { cacheMetrics, type CacheMetrics } from './metrics.ts'
import type { CacheOptions } from './options.ts'
import { cacheKey, Store } from './store.ts'
import { keepSeconds } from './ttl.ts'

/** Refreshes without a client that run at once; beyond this an entry is refreshed by a later hit. */
const REFRESHES_LIMIT = 256

/** The two stores of a cache, which outlive a reload. */
interface Stores {
  readonly success: Store
  readonly denial: Store
}

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
  #refreshes = 0

  constructor(env: Env, options: CacheOptions) {
    this.#env = env
    this.#options = options
    this.#stores = env.keep(() => ({ success: new Store(options.success.capacity), denial: new Store(options.denial.capacity) }))
    this.#asked = env.slot()
    const metrics = cacheMetrics(env.metrics, options.zones.join(','), env.block.view)
    this.#metrics = new PerServer(metrics)
  }

  query(q: Query): Verdict | Promise<Verdict> {
    if (matchZone(this.#options.zones, q.question.name) === undefined) return NEXT
    const asked = { question: q.question, key: cacheKey(q.request), do: q.request.edns?.do === true, ad: q.request.ad }
    const nowMs = this.#env.clock.nowMs()
    const metrics = this.#metrics.of(q.server)
    metrics.requests.add()
    const entry = this.#find(asked, nowMs, metrics)
    if (entry !== undefined && this.#options.stale.lastResort && entry.left(nowMs) <= 0) return this.#missOrStale(q, asked, entry, metrics)
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
    if (q.written) this.#take(q, asked, q.reply, false)
  }

  explain(q: Query): Facts {
    const { zones, stale } = this.#options
    if (matchZone(zones, q.question.name) === undefined) return { state: 'not for this name', zones }
    const key = cacheKey(q.request)
    const nowMs = this.#env.clock.nowMs()
    const asked = { question: q.question, key, do: false, ad: false }
    const entry = this.#find(asked, nowMs, UNCOUNTED)
    if (entry === undefined) return { state: 'miss', key }
    const left = entry.left(nowMs)
    const window = stale.upToSeconds > 0 ? { 'stale until': `${left + stale.upToSeconds} s from now` } : {}
    return { state: left > 0 ? 'hit' : 'stale', key, store: this.#stores.success.peek(key) === entry ? 'success' : 'denial', 'ttl left': `${left} of ${entry.ttl} s`, hits: entry.uses, ...window }
  }

  #find(asked: Asked, nowMs: number, metrics: Pick<CacheMetrics, 'successHits' | 'denialHits'>): Entry | undefined {
    const { success, denial } = this.#stores
    const positive = this.#usable(success.get(asked.key), asked, nowMs)
    if (this.#options.preferPositive && this.#options.stale.upToSeconds > 0) {
      const good = this.#answering(asked, nowMs)
      if (good !== undefined) return hit(good, metrics.successHits)
    }
    const negative = this.#usable(denial.get(asked.key), asked, nowMs)
    if (negative !== undefined) {
      // SERVFAIL passes; it must not hide an answer that is still good.
      if (positive !== undefined && (negative.rcode === RCODE.SERVFAIL || (this.#options.stale.lastResort && outlives(positive, negative, nowMs)))) return hit(positive, metrics.successHits)
      if (this.#options.stale.lastResort && negative.rcode === RCODE.SERVFAIL && negative.left(nowMs) <= 0) return undefined
      return hit(negative, metrics.denialHits)
    }
    return positive === undefined ? undefined : hit(positive, metrics.successHits)
  }

  /** The entry, if it is for this question and fresh enough, or stale within the window. */
  #usable(entry: Entry | undefined, asked: Asked, nowMs: number): Entry | undefined {
    if (entry === undefined || !entry.matches(asked.question)) return undefined
    return this.#inWindow(entry, nowMs) ? entry : undefined
  }

  #answering(asked: Asked, nowMs: number): Entry | undefined {
    const entry = this.#stores.success.get(asked.key)
    const good = entry?.answering === true ? entry : entry?.lastGood
    return this.#usable(good, asked, nowMs)
  }

  #inWindow(entry: Entry, nowMs: number): boolean {
    const left = entry.left(nowMs)
    return left > 0 || -left < this.#options.stale.upToSeconds
  }

  #stale(q: Query, asked: Asked, entry: Entry, nowMs: number): Verdict | Promise<Verdict> {
    if (this.#options.stale.verify) return this.#verify(q, asked, entry)
    this.#refresh(q, asked, entry, nowMs, true)
    return this.#serveStale(q, asked, entry)
  }

  /** A miss like any other, but for the answer when there is no good one in time. */
  async #missOrStale(q: Query, asked: Asked, entry: Entry, metrics: CacheMetrics): Promise<Verdict> {
    const { recheckMs, verifyTimeoutMs } = this.#options.stale
    if (this.#env.clock.nowMs() < entry.retryAfterMs) return this.#serveStale(q, asked, entry)
    metrics.misses.add()
    const asking = this.#env.ask(q, { scope: 'below', ad: true }).then((answer) => {
      const good = this.#replaces(answer, asked)
      if (good) this.#take(q, asked, answer.message, false)
      return good ? answer : undefined
    })
    const fresh = await this.#withTimeout(asking, verifyTimeoutMs)
    if (fresh !== undefined) {
      q.adopt(fresh.message)
      q.answeredBy = fresh.by
      return DONE
    }
    entry.retryAfterMs = this.#env.clock.nowMs() + recheckMs
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
      stored = this.#take(q, asked, answer.message, detached || !good)
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
    const { amount, windowMs, percentage } = this.#options.prefetch
    if (amount <= 0) return false
    entry.countHit(nowMs, windowMs)
    return entry.hits >= amount && entry.left(nowMs) <= Math.ceil((percentage / 100) * entry.ttl)
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
    if (good || (stale && positive)) this.#take(q, { ...asked, ad: true }, answer.message, true)?.inheritHits(nowMs, entry.hits)
    this.#endRefresh(entry, good)
  }

  #beginRefresh(entry: Entry): boolean {
    if (entry.refreshing || this.#env.clock.nowMs() < entry.retryAfterMs) return false
    entry.refreshing = true
    return true
  }

  #endRefresh(entry: Entry, good: boolean): void {
    const { recheckMs } = this.#options.stale
    entry.retryAfterMs = recheckMs > 0 && !good ? this.#env.clock.nowMs() + recheckMs : -Infinity
    entry.refreshing = false
  }

  /**
   * Sets every TTL of a reply to the one it is kept for, drops its OPT, and stores it if it may be. `detached`: no client sees
   * this reply, it is the newest state of its name.
   */
  #take(q: Query, asked: Asked, message: Message, detached: boolean): Entry | undefined {
    const type = cacheType(message, this.#env.clock.wallMs())
    const ttl = keepSeconds(message, type, this.#options)
    message.answers = withTtl(message.answers, ttl)
    message.authorities = withTtl(message.authorities, ttl)
    message.additionals = withTtl(message.additionals, ttl)
    message.edns = undefined
    const metrics = this.#metrics.of(q.server)
    let entry: Entry | undefined
    if (cacheable(message, type) && ttl > 0) {
      if (sameQuestion(message, asked)) entry = this.#store(asked, message, ttl, type === 'NOERROR' || type === 'DELEGATION', detached, metrics)
      else metrics.drops.add()
    }
    if (!asked.do && !asked.ad) message.ad = false
    return entry
  }

  #store(asked: Asked, message: Message, ttl: number, positive: boolean, detached: boolean, metrics: CacheMetrics): Entry | undefined {
    const { disableSuccess, disableDenial, preferPositive } = this.#options
    if (matchZone(positive ? disableSuccess : disableDenial, asked.question.name) !== undefined) return undefined
    const store = positive ? this.#stores.success : this.#stores.denial
    // The reply's own arrays go to the client, who may reorder them.
    const entry = new Entry({ ...message, answers: [...message.answers], authorities: [...message.authorities], additionals: [...message.additionals] }, ttl, this.#env.clock.nowMs())
    if (positive && preferPositive && !entry.answering) {
      const before = store.get(asked.key)
      entry.lastGood = before?.answering === true ? before : before?.lastGood
    }
    const evictedBefore = store.evicted
    store.set(asked.key, entry)
    ;(positive ? metrics.successEvictions : metrics.denialEvictions)(store.evicted - evictedBefore)
    if (positive && (preferPositive ? entry.answering : detached)) this.#stores.denial.delete(asked.key)
    metrics.sizes(this.#stores.success.size, this.#stores.denial.size)
    return entry
  }
}

/** For looks that are no queries. */
const UNCOUNTED = { successHits: { add: () => {}, value: 0 }, denialHits: { add: () => {}, value: 0 } }

/** An expired denial hides neither what is fresh nor what is newer. */
function outlives(positive: Entry, negative: Entry, nowMs: number): boolean {
  if (negative.left(nowMs) > 0) return false
  return positive.left(nowMs) > 0 || positive.storedMs > negative.storedMs
}

function hit(entry: Entry, counter: { add(): void }): Entry {
  counter.add()
  return entry
}

function sameQuestion(message: Message, asked: Asked): boolean {
  const question = message.questions[0]
  return message.qr && question !== undefined && message.questions.length === 1
    && question.type === asked.question.type && question.class === asked.question.class && equalNames(question.name, asked.question.name)
}
