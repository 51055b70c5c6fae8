import type { Linked } from '../../base/recency.ts'
import type { Query } from '../../core/query.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { decodeMessage } from '../../wire/decode.ts'
import type { Question, ResourceRecord } from '../../wire/message.ts'
import { readName } from '../../wire/name.ts'
import { setTtls } from './octets.ts'
import type { Loan } from './loan.ts'
import { Slabs } from './slabs.ts'

const HEADER_BYTES = 12
const AD = 0x20
const RA = 0x80
/** What an entry takes besides its octets: the object, its places in the store, the view of its octets. */
const OWN_BYTES = 256

/** Most of a flood of names goes in the order in which it came; what is asked for again stays, and must not keep the memory of the others. */
const unused = new Slabs()
const used = new Slabs()

/**
 * One stored reply, as octets: objects that outlive the young generation are what costs most about a miss. A reply is made of it without
 * them; the message is decoded for whoever asks on the ordinary way.
 */
export class Entry implements Linked<Entry> {
  /** In its store. */
  readonly key: string
  /** A whole message, every TTL the one that it is stored for, without an OPT and without compression. */
  #octets: Uint8Array
  /** Seconds that it was stored for. */
  readonly ttl: number
  readonly storedMs: number
  /** Holds what was asked for, rather than a referral or nothing. */
  readonly answering: boolean
  /** It says that there is nothing, or that something went wrong. */
  readonly denial: boolean
  newer: Entry | undefined
  older: Entry | undefined
  /** The store's: it was asked for again, or the one that it has replaced was. */
  proven = false
  /** For the packet cache, once it was asked for. */
  loan: Loan | undefined
  /** The last entry under this key that did, when this one does not (prefer_positive). */
  lastGood: Entry | undefined
  /** What happens to it after it was stored; most entries of a flood are never asked for again. */
  #use: Use | undefined

  /** The octets are copied. */
  constructor(key: string, octets: Uint8Array, length: number, ttl: number, nowMs: number, denial: boolean, answering: boolean) {
    this.key = key
    this.#octets = unused.copy(octets, length)
    this.ttl = ttl
    this.storedMs = nowMs
    this.answering = answering
    this.denial = denial
  }

  get question(): Question {
    const { name, next } = readName(this.#octets, HEADER_BYTES)
    return { name, type: this.#word(next), class: this.#word(next + 2) }
  }

  get rcode(): number {
    return this.#octets[3]! & 0xf
  }

  get ad(): boolean {
    return (this.#octets[3]! & AD) !== 0
  }

  /** Records of all sections. */
  get records(): number {
    return this.#word(6) + this.#word(8) + this.#word(10)
  }

  /** Seconds left; 0 or less once expired. */
  left(nowMs: number): number {
    return this.ttl - Math.floor((nowMs - this.storedMs) / 1000)
  }

  /** Replies made of it. */
  get replies(): number {
    return this.#use?.replies ?? 0
  }

  /** Made with the first use. */
  get use(): Use {
    if (this.#use === undefined) {
      this.#use = new Use()
      this.#octets = used.copy(this.#octets, this.#octets.length)
    }
    return this.#use
  }

  /** Octets that the entry occupies, roughly. */
  get sizeBytes(): number {
    return OWN_BYTES + this.key.length + this.#octets.length
  }

  /** Makes the query's reply. `ad`: the client asked for DNSSEC's verdict. */
  reply(q: Query, ttl: number, ad: boolean): void {
    const stored = decodeMessage(this.#octets)
    const reply = q.begin(stored.rcode)
    this.use.replies++
    // Old resolvers drop answers without AA, so CoreDNS sets it on every hit.
    reply.aa = true
    reply.ad = stored.ad && ad
    reply.ra = stored.ra
    reply.answers = withTtl(stored.answers, ttl)
    reply.authorities = withTtl(stored.authorities, ttl)
    reply.additionals = withTtl(stored.additionals, ttl)
  }

  /** The same from octets to octets. False when the reply is too long for any client. */
  write(question: QuickQuestion, reply: QuickReply, ttl: number): boolean {
    const octets = this.#octets
    const start = reply.length
    if (!reply.append(octets, question.questionEnd)) return false
    if (ttl !== this.ttl) setTtls(reply, start, ttl)
    reply.rcode = this.rcode
    reply.aa = true
    reply.ra = (octets[3]! & RA) !== 0
    reply.ad = this.ad && (question.do || question.ad)
    reply.answers = this.#word(6)
    reply.authorities = this.#word(8)
    reply.additionals = this.#word(10)
    return true
  }

  #word(at: number): number {
    return (this.#octets[at]! << 8) | this.#octets[at + 1]!
  }
}

/** How an entry is used. */
export class Use {
  /** Hits since the last long pause, for prefetch. */
  hits = 0
  /** Replies made of it, for `explain` and the status page. */
  replies = 0
  /** At most one refresh of an entry runs. */
  refreshing = false
  retryAfterMs = -Infinity
  #lastHitMs = -Infinity

  countHit(nowMs: number, windowMs: number): void {
    this.hits = nowMs - this.#lastHitMs > windowMs ? 1 : this.hits + 1
    this.#lastHitMs = nowMs
  }

  /** Takes over the count of the entry that this one replaces. */
  inheritHits(nowMs: number, hits: number): void {
    this.hits = hits
    this.#lastHitMs = nowMs
  }
}

export function withTtl(records: readonly ResourceRecord[], ttl: number): ResourceRecord[] {
  return records.map(({ name, type, class: klass, rdata }) => ({ name, type, class: klass, ttl, rdata }))
}
