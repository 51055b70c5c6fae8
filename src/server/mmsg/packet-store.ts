import type { Kept, PacketCache, Streak } from '../../core/quick.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { keyFlags, packetHash, type HashKey } from './packet-hash.ts'
import { readLayout, type Layout } from './packet-layout.ts'
import { CONTENT_BYTES, DOUBLE, MARK, PLACE_WORDS, SLOT_WORDS, WAYS, WORD, type PacketMemory } from './packet-memory.ts'

/** Slots that are looked at for one that nobody used lately. */
const LOOKED_AT = 64

/** For whom a reply is good, and what workers do with it. */
export interface Site {
  /** Stands for a listener group of one generation. */
  readonly scope: number
  /** Row of counters. */
  readonly row: number
  readonly shuffles: boolean
  readonly udpSizeLimit: number
}

/** The writing side of the packet cache, on the main thread. Replies come in when the `cache` stage has answered with them. */
export class PacketStore implements PacketCache {
  readonly #memory: PacketMemory
  readonly #key: HashKey
  readonly #owners: (Kept | undefined)[]
  readonly #placeOf: Int32Array
  /** Hits at the last look, by slot. */
  readonly #seen: Int32Array
  readonly #free: number[] = []
  #used = 0
  #hand = 0

  constructor(memory: PacketMemory, key: HashKey) {
    this.#memory = memory
    this.#key = key
    this.#owners = Array.from({ length: memory.slots }, () => undefined)
    this.#placeOf = new Int32Array(memory.slots)
    this.#seen = new Int32Array(memory.slots)
  }

  get size(): number {
    return this.#used - this.#free.length
  }

  /** Lets workers answer the question with this reply, if it is of the kind that they can handle. */
  put(question: QuickQuestion, reply: QuickReply, kept: Kept, site: Site): void {
    const hash = packetHash(this.#key, site.scope, question)
    const place = this.#choosePlace(hash, question, site.scope)
    const { index } = this.#memory
    if (index[place] === hash && this.#owners[index[place + 1]! - 1] === kept) return
    const layout = readLayout(question, reply, site.shuffles)
    if (layout === undefined || sizeOf(question, reply, layout) > CONTENT_BYTES) return
    const slot = index[place + 1] === 0 ? this.#takeSlot() : index[place + 1]! - 1
    this.#disown(slot)
    this.#write(slot, question, reply, kept, site, layout)
    this.#owners[slot] = kept
    this.#placeOf[slot] = place
    index[place] = hash
    index[place + 1] = slot + 1
    kept.places.push(slot)
  }

  drop(kept: Kept): void {
    for (const slot of kept.places.splice(0)) {
      if (this.#owners[slot] === kept) this.#release(slot)
    }
  }

  hits(kept: Kept): number {
    let sum = 0
    for (const slot of kept.places) sum += Atomics.load(this.#memory.words, slot * SLOT_WORDS + WORD.HITS)
    return sum
  }

  takeStreak(kept: Kept): Streak | undefined {
    let hits = 0
    let lastMs = -Infinity
    let anew = true
    for (const slot of kept.places) {
      hits += Atomics.exchange(this.#memory.words, slot * SLOT_WORDS + WORD.STREAK, 0)
      lastMs = Math.max(lastMs, this.#memory.doubles[(slot * SLOT_WORDS) / 2 + DOUBLE.LAST_HIT]!)
      anew = Atomics.exchange(this.#memory.words, slot * SLOT_WORDS + WORD.ANEW, 0) === 1 && anew
    }
    return hits === 0 ? undefined : { hits, lastMs, anew }
  }

  /** The place of the same question, else a free one, else that of the slot with the fewest hits since the last look. */
  #choosePlace(hash: number, question: QuickQuestion, scope: number): number {
    const { index, words } = this.#memory
    const bucket = this.#memory.bucket(hash)
    let best = bucket
    let fewest = Infinity
    for (let place = bucket; place < bucket + WAYS * PLACE_WORDS; place += PLACE_WORDS) {
      const slot = index[place + 1]! - 1
      if (slot >= 0 && index[place] === hash && this.#isFor(slot, question, scope)) return place
      const used = slot < 0 ? -1 : (words[slot * SLOT_WORDS + WORD.HITS]! - this.#seen[slot]!) >>> 0
      if (used >= fewest) continue
      fewest = used
      best = place
    }
    return best
  }

  #isFor(slot: number, question: QuickQuestion, scope: number): boolean {
    const { words } = this.#memory
    const at = slot * SLOT_WORDS
    if (words[at + WORD.SCOPE] !== scope || words[at + WORD.KEY] !== keyFlags(question) || (words[at + WORD.LENGTHS]! & 0xffff) !== question.nameLength) return false
    for (let i = 0, end = (question.nameLength + 3) >> 2; i < end; i++) if (words[at + WORD.CONTENT + i] !== question.nameWords[i]) return false
    return true
  }

  /** A slot that was never used, was given back, or was not used lately (second chance). */
  #takeSlot(): number {
    const given = this.#free.pop()
    if (given !== undefined) return given
    if (this.#used < this.#memory.slots) return this.#used++
    for (let looked = 0; ; looked++) {
      const slot = this.#hand
      this.#hand = (slot + 1) % this.#memory.slots
      const hits = Atomics.load(this.#memory.words, slot * SLOT_WORDS + WORD.HITS)
      if (hits !== this.#seen[slot] && looked < LOOKED_AT) {
        this.#seen[slot] = hits
        continue
      }
      this.#disown(slot)
      this.#release(slot)
      return this.#free.pop()!
    }
  }

  #disown(slot: number): void {
    const owner = this.#owners[slot]
    if (owner === undefined) return
    this.#owners[slot] = undefined
    owner.places.splice(owner.places.indexOf(slot), 1)
  }

  /** Nothing is answered from the slot any more, and it can be used anew. */
  #release(slot: number): void {
    const { words, doubles, index } = this.#memory
    const at = slot * SLOT_WORDS
    this.#beginWriting(at)
    doubles[at / 2 + DOUBLE.UNTIL] = 0
    words[at + WORD.SCOPE] = 0
    Atomics.add(words, at, 1)
    const place = this.#placeOf[slot]!
    index[place] = 0
    index[place + 1] = 0
    this.#owners[slot] = undefined
    this.#free.push(slot)
  }

  /**
   * Until the version is even again, what workers read from the slot is thrown away. The load is for machines that reorder more than x86 does:
   * an atomic write alone does not keep plain ones behind it, but the atomic read after it does.
   */
  #beginWriting(at: number): void {
    Atomics.add(this.#memory.words, at, 1)
    Atomics.load(this.#memory.words, at)
  }

  #write(slot: number, question: QuickQuestion, reply: QuickReply, kept: Kept, site: Site, layout: Layout): void {
    const { words, doubles, bytes, halves } = this.#memory
    const at = slot * SLOT_WORDS
    const nameWords = (question.nameLength + 3) >> 2
    this.#beginWriting(at)
    words[at + WORD.SCOPE] = site.scope
    words[at + WORD.LENGTHS] = question.nameLength | ((reply.length - question.questionEnd) << 16)
    words[at + WORD.KEY] = keyFlags(question)
    words[at + WORD.FLAGS] = flagsOf(reply) | (kept.authentic ? MARK.AUTHENTIC : 0) | (kept.denial ? MARK.DENIAL : 0)
    words[at + WORD.COUNTS] = 0x0100 | (swapped(reply.answers) << 16)
    words[at + WORD.COUNTS + 1] = swapped(reply.authorities) | (swapped(reply.additionals) << 16)
    words[at + WORD.TTL] = kept.ttl
    words[at + WORD.POSITIONS] = layout.ttls.length | (layout.addresses.length << 8) | (layout.addressBytes << 16)
    words[at + WORD.LIMIT_ROW] = site.udpSizeLimit | (site.row << 16)
    words[at + WORD.PAUSE] = kept.pauseMs
    words[at + WORD.HITS] = this.#seen[slot] = 0
    words[at + WORD.STREAK] = 0
    words[at + WORD.ANEW] = 0
    doubles[at / 2 + DOUBLE.UNTIL] = kept.untilMs
    doubles[at / 2 + DOUBLE.STORED] = kept.storedMs
    doubles[at / 2 + DOUBLE.LAST_HIT] = question.startMs
    for (let i = 0; i < nameWords; i++) words[at + WORD.CONTENT + i] = question.nameWords[i]!
    const positionsAt = (at + WORD.CONTENT + nameWords) * 2
    layout.ttls.forEach((position, i) => { halves[positionsAt + i] = position })
    layout.addresses.forEach((position, i) => { halves[positionsAt + layout.ttls.length + i] = position })
    // With the end of the question before them, so that they lie in words as they do in the message.
    const records = (at + WORD.CONTENT + nameWords + ((layout.ttls.length + layout.addresses.length + 1) >> 1)) * 4
    bytes.set(lastOfQuestion(question, question.questionEnd & 3), records)
    bytes.set(reply.bytes.subarray(question.questionEnd, reply.length), records + (question.questionEnd & 3))
    Atomics.add(words, at, 1)
  }
}

/** Octets behind the slot's fixed part. */
function sizeOf(question: QuickQuestion, reply: QuickReply, layout: Layout): number {
  return question.nameLength + 3 + (layout.ttls.length + layout.addresses.length) * 2 + 2 + reply.length - question.questionEnd + 7
}

/** The upper half of a message's first word as it lies in memory, without the flags that come from the query. */
function flagsOf(reply: QuickReply): number {
  const first = 0x80 | (reply.aa ? 0x04 : 0)
  const second = (reply.ra ? 0x80 : 0) | reply.rcode
  return (first << 16) | (second << 24)
}

function swapped(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8)
}

/** The last octets of type and class. */
function lastOfQuestion(question: QuickQuestion, count: number): Uint8Array {
  return Uint8Array.of(question.type & 0xff, question.class >> 8, question.class & 0xff).subarray(3 - count)
}
