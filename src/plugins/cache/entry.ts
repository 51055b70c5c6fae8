import type { Query } from '../../core/query.ts'
import type { Message, Question, ResourceRecord } from '../../wire/message.ts'
import { equalNames } from '../../wire/name.ts'
import { answers } from './answering.ts'
import type { Octets } from './octets.ts'

/** One stored reply. Its records are shared with replies and never change. */
export class Entry {
  readonly question: Question
  readonly rcode: number
  readonly ad: boolean
  readonly ra: boolean
  readonly answers: readonly ResourceRecord[]
  readonly authorities: readonly ResourceRecord[]
  readonly additionals: readonly ResourceRecord[]
  /** Seconds that it was stored for. */
  readonly ttl: number
  readonly storedMs: number
  /** Holds what was asked for, rather than a referral or nothing. */
  readonly answering: boolean
  /** It says that there is nothing, or that something went wrong. */
  readonly denial: boolean
  /** Its wire form, once it was asked for. */
  octets: Octets | undefined
  /** The last entry under this key that did, when this one does not (prefer_positive). */
  lastGood: Entry | undefined
  /** Hits since the last long pause, for prefetch. */
  hits = 0
  /** Replies made of it, for `explain` and the status page. */
  uses = 0
  #lastHitMs = -Infinity
  /** At most one refresh of an entry runs. */
  refreshing = false
  retryAfterMs = -Infinity

  constructor(reply: Message, ttl: number, nowMs: number, denial: boolean) {
    this.question = reply.questions[0]!
    this.rcode = reply.rcode
    this.ad = reply.ad
    this.ra = reply.ra
    this.answers = reply.answers
    this.authorities = reply.authorities
    this.additionals = reply.additionals
    this.ttl = ttl
    this.storedMs = nowMs
    this.answering = answers(reply)
    this.denial = denial
  }

  /** Seconds left; 0 or less once expired. */
  left(nowMs: number): number {
    return this.ttl - Math.floor((nowMs - this.storedMs) / 1000)
  }

  matches(question: Question): boolean {
    return this.question.type === question.type && this.question.class === question.class && equalNames(this.question.name, question.name)
  }

  countHit(nowMs: number, windowMs: number): void {
    this.hits = nowMs - this.#lastHitMs > windowMs ? 1 : this.hits + 1
    this.#lastHitMs = nowMs
  }

  /** Takes over the count of the entry that this one replaces. */
  inheritHits(nowMs: number, hits: number): void {
    this.hits = hits
    this.#lastHitMs = nowMs
  }

  /** Octets that the entry occupies, roughly: objects cost more than their contents. */
  get sizeBytes(): number {
    let size = 400
    for (const section of [this.answers, this.authorities, this.additionals]) {
      for (const record of section) size += 200 + record.name.length + record.rdata.length
    }
    return size
  }

  /** Makes the query's reply. `ad`: the client asked for DNSSEC's verdict. */
  reply(q: Query, ttl: number, ad: boolean): void {
    const reply = q.begin(this.rcode)
    this.uses++
    // Old resolvers drop answers without AA, so CoreDNS sets it on every hit.
    reply.aa = true
    reply.ad = this.ad && ad
    reply.ra = this.ra
    reply.answers = withTtl(this.answers, ttl)
    reply.authorities = withTtl(this.authorities, ttl)
    reply.additionals = withTtl(this.additionals, ttl)
  }
}

export function withTtl(records: readonly ResourceRecord[], ttl: number): ResourceRecord[] {
  return records.map(({ name, type, class: klass, rdata }) => ({ name, type, class: klass, ttl, rdata }))
}
