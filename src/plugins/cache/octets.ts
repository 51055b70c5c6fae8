import type { Kept, PacketCache } from '../../core/quick.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { Message } from '../../wire/message.ts'
import { wireLength } from '../../wire/name.ts'
import type { Entry } from './entry.ts'
import type { CacheOptions } from './options.ts'

const HEADER_BYTES = 12

/** An entry's records in wire form, for the quick way and for the packet cache. Made when somebody asks for the entry a second time. */
export class Octets implements Kept {
  readonly untilMs: number
  readonly storedMs: number
  readonly ttl: number
  readonly authentic: boolean
  readonly denial: boolean
  readonly pauseMs: number
  readonly places: number[] = []
  readonly #entry: Entry
  readonly #records: Uint8Array
  readonly #ttls: readonly number[]
  #seenHits = 0

  constructor(entry: Entry, options: CacheOptions) {
    const message = new Message()
    message.questions = [entry.question]
    message.answers = [...entry.answers]
    message.authorities = [...entry.authorities]
    message.additionals = [...entry.additionals]
    // Out of Node's pool of small buffers: memory of its own costs each more than what it holds.
    this.#records = Buffer.from(encodeMessage(message).subarray(HEADER_BYTES + wireLength(entry.question.name) + 4))
    this.#ttls = ttlPositions(this.#records)
    this.#entry = entry
    this.untilMs = entry.storedMs + (entry.ttl - refreshSeconds(entry, options)) * 1000
    this.storedMs = entry.storedMs
    this.ttl = options.keepTtl ? -1 : entry.ttl
    this.authentic = entry.ad
    this.denial = entry.denial
    this.pauseMs = options.prefetch.amount > 0 ? options.prefetch.windowMs : 0
  }

  /** False when the reply is too long for any client. */
  write(question: QuickQuestion, reply: QuickReply, ttl: number): boolean {
    const entry = this.#entry
    const start = reply.length
    if (!reply.append(this.#records)) return false
    for (let i = 0; i < this.#ttls.length; i++) setTtl(reply.bytes, start + this.#ttls[i]!, ttl)
    reply.rcode = entry.rcode
    // As on the ordinary way.
    reply.aa = true
    reply.ra = entry.ra
    reply.ad = entry.ad && (question.do || question.ad)
    reply.answers = entry.answers.length
    reply.authorities = entry.authorities.length
    reply.additionals = entry.additionals.length
    reply.kept = this
    return true
  }

  /** True when the packet cache has answered with it since the last call. */
  wasUsed(packets: PacketCache): boolean {
    const hits = packets.hits(this)
    const used = hits !== this.#seenHits
    this.#seenHits = hits
    return used
  }
}

/** The last seconds of an entry's time, in which hits make it be refreshed; 0 without prefetch. */
export function refreshSeconds(entry: Entry, options: CacheOptions): number {
  const { amount, percentage } = options.prefetch
  return amount > 0 ? Math.ceil((percentage / 100) * entry.ttl) : 0
}

/** Gives all records of a reply the same TTL. */
export function setTtls(reply: QuickReply, start: number, ttl: number): void {
  for (const position of ttlPositions(reply.bytes.subarray(start, reply.length))) setTtl(reply.bytes, start + position, ttl)
}

function setTtl(bytes: Uint8Array, at: number, ttl: number): void {
  bytes[at] = ttl >>> 24
  bytes[at + 1] = (ttl >>> 16) & 0xff
  bytes[at + 2] = (ttl >>> 8) & 0xff
  bytes[at + 3] = ttl & 0xff
}

/** Of records without compression. */
function ttlPositions(records: Uint8Array): number[] {
  const positions: number[] = []
  for (let at = 0; at < records.length;) {
    while (records[at] !== 0) at += records[at]! + 1
    positions.push(at + 5)
    at += 11 + ((records[at + 9]! << 8) | records[at + 10]!)
  }
  return positions
}
