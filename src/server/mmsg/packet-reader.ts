import type { QuickQuestion } from '../../core/quick-question.ts'
import { keyFlags, packetHash, type HashKey } from './packet-hash.ts'
import { DOUBLE, MARK, PLACE_WORDS, SLOT_WORDS, WAYS, WORD, type PacketMemory } from './packet-memory.ts'

/** UDP replies above these are compressed, which is left to the main thread (specification 11.3). */
const PLAIN_UDP_BYTES = { 1: 1480, 2: 1220 } as const
/** Bits of a message's first word as it lies in memory. */
const BIT = { RD: 0x10000, CD: 0x1000_0000, AD: 0x2000_0000 } as const
const ONE_ADDITIONAL = 0x1000000
const OPT_BYTES = 11

/** What may be written to: `bytes` and `words` are the same memory. */
export interface Out {
  readonly bytes: Uint8Array
  readonly words: Int32Array
}

/**
 * Answers from the packet cache, on a worker. Reads without a lock: the slot's version before and after tells whether what was read is
 * of one piece. The second look is a read-modify-write, which no earlier plain read can pass on any machine.
 */
export class PacketReader {
  readonly #memory: PacketMemory
  readonly #key: HashKey
  /** Of the last answer: its row of counters, its rcode, whether it says that there is nothing. */
  row = 0
  rcode = 0
  denial = false

  constructor(memory: PacketMemory, key: HashKey) {
    this.#memory = memory
    this.#key = key
  }

  /** Writes the reply at octet `to` (a multiple of four) of `out` and gives its length; 0 when there is none. */
  answer(question: QuickQuestion, from: Out, scope: number, nowMs: number, out: Out, to: number): number {
    const memory = this.#memory
    const hash = packetHash(this.#key, scope, question)
    const { index } = memory
    for (let place = memory.bucket(hash), end = place + WAYS * PLACE_WORDS; place < end; place += PLACE_WORDS) {
      if (index[place] !== hash) continue
      const slot = (index[place + 1]! - 1) * SLOT_WORDS
      if (slot < 0) continue
      const version = Atomics.load(memory.words, slot)
      if ((version & 1) !== 0) continue
      const length = this.#copy(slot, question, from, scope, nowMs, out, to)
      if (length === 0 || Atomics.add(memory.words, slot, 0) !== version) continue
      this.#countHit(slot, nowMs)
      return length
    }
    return 0
  }

  /** Anything read here may be torn, and is thrown away if so; it must only never lead out of bounds. */
  #copy(slot: number, question: QuickQuestion, from: Out, scope: number, nowMs: number, out: Out, to: number): number {
    const { words, doubles } = this.#memory
    if (words[slot + WORD.SCOPE] !== scope || words[slot + WORD.KEY] !== keyFlags(question) || doubles[slot / 2 + DOUBLE.UNTIL]! <= nowMs) return 0
    const nameLength = question.nameLength
    const lengths = words[slot + WORD.LENGTHS]!
    const content = slot + WORD.CONTENT
    const nameWords = (nameLength + 3) >> 2
    if ((lengths & 0xffff) !== nameLength) return 0
    for (let i = 0; i < nameWords; i++) if (words[content + i] !== question.nameWords[i]) return 0
    const limitRow = words[slot + WORD.LIMIT_ROW]!
    const udpSize = Math.min(question.udpSize, limitRow & 0xffff)
    const end = 16 + nameLength + (lengths >>> 16)
    const total = end + (question.edns ? OPT_BYTES + question.optionsLength : 0)
    if (total > PLAIN_UDP_BYTES[question.family] || total > Math.max(512, udpSize)) return 0
    const positions = words[slot + WORD.POSITIONS]!
    const ttls = positions & 0xff
    const addresses = (positions >> 8) & 0xff
    const positionsAt = (content + nameWords) * 2
    const records = content + nameWords + ((ttls + addresses + 1) >> 1)
    if (records + ((lengths >>> 16) >> 2) >= slot + SLOT_WORDS) return 0
    this.#copyMessage(slot, records, question, from, end, out, to)
    const ttl = words[slot + WORD.TTL]!
    if (ttl >= 0) this.#countDown(positionsAt, ttls, ttl - Math.floor((nowMs - doubles[slot / 2 + DOUBLE.STORED]!) / 1000), end, out.bytes, to)
    if (addresses > 1) this.#shuffle(positionsAt + ttls, addresses, positions >>> 16, end, out.bytes, to)
    if (question.edns) writeOpt(question, udpSize, out.bytes, to + end)
    this.row = limitRow >>> 16
    return total
  }

  /** Header, question as the client wrote it, records. All in words: the records lie in the slot as they do in the message. */
  #copyMessage(slot: number, records: number, question: QuickQuestion, from: Out, end: number, out: Out, to: number): void {
    const { words } = this.#memory
    const message = to >> 2
    const packet = question.at >> 2
    const flags = words[slot + WORD.FLAGS]!
    const authentic = (flags & MARK.AUTHENTIC) !== 0 && (question.do || question.ad)
    this.rcode = (flags >>> 24) & 0xf
    this.denial = (flags & MARK.DENIAL) !== 0
    out.words[message] = (flags & 0xffff0000) | (from.words[packet]! & 0xffff) | (question.rd ? BIT.RD : 0) | (question.cd ? BIT.CD : 0) | (authentic ? BIT.AD : 0)
    out.words[message + 1] = words[slot + WORD.COUNTS]!
    out.words[message + 2] = words[slot + WORD.COUNTS + 1]! + (question.edns ? ONE_ADDITIONAL : 0)
    const first = (16 + question.nameLength) >> 2
    for (let i = 3; i <= first; i++) out.words[message + i] = from.words[packet + i]!
    for (let i = first, last = (end + 3) >> 2; i < last; i++) out.words[message + i] = words[records + i - first]!
  }

  #countDown(positionsAt: number, count: number, ttl: number, end: number, bytes: Uint8Array, to: number): void {
    for (let i = 0; i < count; i++) {
      const position = this.#memory.halves[positionsAt + i]!
      if (position + 4 > end) return
      const at = to + position
      bytes[at] = ttl >>> 24
      bytes[at + 1] = (ttl >>> 16) & 0xff
      bytes[at + 2] = (ttl >>> 8) & 0xff
      bytes[at + 3] = ttl & 0xff
    }
  }

  /** Address records, all of one length, in random order, as `loadbalance` leaves them. */
  #shuffle(positionsAt: number, count: number, length: number, end: number, bytes: Uint8Array, to: number): void {
    const { halves } = this.#memory
    for (let i = 0; i < count - 1; i++) {
      const j = i + Math.floor(Math.random() * (count - i))
      if (i === j) continue
      const a = to + halves[positionsAt + i]!
      const b = to + halves[positionsAt + j]!
      if (Math.max(a, b) + length > to + end) return
      for (let k = 0; k < length; k++) {
        const held = bytes[a + k]!
        bytes[a + k] = bytes[b + k]!
        bytes[b + k] = held
      }
    }
  }

  #countHit(slot: number, nowMs: number): void {
    const { words, doubles } = this.#memory
    // Not atomic, so that of two workers at the same time one may lose its hit: the number says what is hot, and totals are counted elsewhere.
    words[slot + WORD.HITS]!++
    const pause = words[slot + WORD.PAUSE]!
    if (pause === 0) return
    if (nowMs - doubles[slot / 2 + DOUBLE.LAST_HIT]! > pause) {
      Atomics.store(words, slot + WORD.ANEW, 1)
      Atomics.store(words, slot + WORD.STREAK, 1)
    } else Atomics.add(words, slot + WORD.STREAK, 1)
    doubles[slot / 2 + DOUBLE.LAST_HIT] = nowMs
  }
}

/** As `QuickReply` writes it. */
function writeOpt(question: QuickQuestion, udpSize: number, bytes: Uint8Array, at: number): void {
  bytes[at] = 0
  bytes[at + 1] = 0
  bytes[at + 2] = 41
  bytes[at + 3] = udpSize >> 8
  bytes[at + 4] = udpSize & 0xff
  bytes[at + 5] = 0
  bytes[at + 6] = 0
  bytes[at + 7] = question.do ? 0x80 : 0
  bytes[at + 8] = 0
  bytes[at + 9] = question.optionsLength >> 8
  bytes[at + 10] = question.optionsLength & 0xff
  for (let i = 0, to = at + 11; i < question.optionsLength; i++) bytes[to + i] = question.packet[question.optionsAt + i]!
}
