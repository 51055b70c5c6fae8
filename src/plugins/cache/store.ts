import { Recency } from '../../base/recency.ts'
import type { ByteBudget, Holder } from '../../core/byte-budget.ts'
import type { PacketCache } from '../../core/quick.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { Message } from '../../wire/message.ts'
import { lowerName, type Name } from '../../wire/name.ts'
import type { Entry } from './entry.ts'

/** Octets that entries of a store may have on average, capacity times this being its bound in bytes. */
const BYTES_PER_ENTRY = 2048
/** Entries that may be spared for one that comes in. */
const SPARED_AT_ONCE = 8
/** Share of the octets that what was asked for again keeps from a flood of names. */
const PROVEN_SHARE = 0.8

/**
 * Entries by key, bounded in number and in bytes. What nobody has asked for again gives way to what somebody has (segmented LRU): a flood
 * of names pushes out its own. Of each kind, what was used longest ago goes first, but not what the packet cache has answered with since it
 * was last about to go: those queries are not seen here.
 */
export class Store implements Holder {
  readonly #entries = new Map<string, Entry>()
  readonly #unproven = new Recency<Entry>()
  readonly #proven = new Recency<Entry>()
  readonly #capacity: number
  readonly #packets: PacketCache
  readonly #budget: ByteBudget
  bytes = 0
  #provenBytes = 0
  /** Entries that had to go for others. */
  evicted = 0

  constructor(capacity: number, packets: PacketCache, budget: ByteBudget) {
    this.#capacity = capacity
    this.#packets = packets
    this.#budget = budget
    budget.join(this)
  }

  get size(): number {
    return this.#entries.size
  }

  letGo(): boolean {
    const { oldest } = this.#leaving
    if (oldest === undefined) return false
    this.evicted++
    this.#remove(oldest)
    return true
  }

  get(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry?.proven === true) this.#proven.touch(entry)
    else if (entry !== undefined) this.#prove(entry)
    return entry
  }

  /** As `get`, without counting as a use. */
  peek(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  /** Those that were asked for again come first, and of each kind those used last. */
  *entries(): Iterable<Entry> {
    for (const { newest } of [this.#proven, this.#unproven]) {
      for (let entry = newest; entry !== undefined; entry = entry.older) yield entry
    }
  }

  /** Each key with the name that it is for, in lower case. */
  *keys(): Iterable<readonly [string, Name]> {
    for (const key of this.#entries.keys()) yield [key, nameOfKey(key)]
  }

  /** Takes in an entry under its key, in place of any other. One that is larger than all that the store may hold is not kept. */
  set(entry: Entry): void {
    const before = this.#entries.get(entry.key)
    if (before !== undefined) this.#remove(before)
    const limit = this.#capacity * BYTES_PER_ENTRY
    if (entry.sizeBytes > limit) return
    this.#spareUsed(entry.sizeBytes)
    while (this.#isFull(entry.sizeBytes)) this.letGo()
    this.#entries.set(entry.key, entry)
    this.#unproven.add(entry)
    this.bytes += entry.sizeBytes
    if (before?.proven === true) this.#prove(entry)
    this.#budget.settle()
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#remove(entry)
  }

  withdraw(key: string): void {
    const loan = this.#entries.get(key)?.loan
    if (loan !== undefined) this.#packets.drop(loan)
  }

  /** Where what has to go is taken from. */
  get #leaving(): Recency<Entry> {
    return this.#provenBytes > PROVEN_SHARE * this.bytes ? this.#proven : this.#unproven
  }

  #prove(entry: Entry): void {
    this.#unproven.remove(entry)
    entry.proven = true
    this.#proven.add(entry)
    this.#provenBytes += entry.sizeBytes
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key)
    ;(entry.proven ? this.#proven : this.#unproven).remove(entry)
    this.bytes -= entry.sizeBytes
    if (entry.proven) this.#provenBytes -= entry.sizeBytes
    if (entry.loan !== undefined) this.#packets.drop(entry.loan)
  }

  #isFull(sizeBytes: number): boolean {
    return this.#entries.size > 0 && (this.#entries.size >= this.#capacity || this.bytes + sizeBytes > this.#capacity * BYTES_PER_ENTRY)
  }

  #spareUsed(sizeBytes: number): void {
    if (!this.#isFull(sizeBytes)) return
    for (let spared = 0; spared < SPARED_AT_ONCE; spared++) {
      const leaving = this.#leaving
      const { oldest } = leaving
      if (oldest?.loan === undefined || !oldest.loan.wasUsed(this.#packets)) return
      leaving.touch(oldest)
    }
  }
}

/** What tells stored replies apart: whether DNSSEC records and unchecked data were asked for, type, class and name. */
export function cacheKey(request: Message): string {
  const { name, type, class: klass } = request.questions[0]!
  return `${(request.edns?.do === true ? 2 : 0) + (request.cd ? 1 : 0)} ${type} ${klass} ${lowerName(name)}`
}

/** What stands in a key behind its third space; an escaped name may have spaces of its own. */
function nameOfKey(key: string): Name {
  return key.slice(key.indexOf(' ', key.indexOf(' ', 2) + 1) + 1)
}

/** Room for a key: a name's text is at most as long as its octets where nothing is escaped. */
const scratch = Buffer.alloc(300)
const DIGIT_0 = 0x30

/** The same key from octets; undefined for a name that its text form escapes. */
export function quickKey(question: QuickQuestion): string | undefined {
  scratch[0] = DIGIT_0 + (question.do ? 2 : 0) + (question.cd ? 1 : 0)
  scratch[1] = 0x20
  let at = writeDecimal(question.type, 2)
  scratch[at++] = 0x20
  at = writeDecimal(question.class, at)
  scratch[at++] = 0x20
  const end = question.writeText(scratch, at)
  return end < 0 ? undefined : scratch.toString('latin1', 0, end)
}

function writeDecimal(value: number, at: number): number {
  let digits = 1
  for (let bound = 10; value >= bound; bound *= 10) digits++
  for (let i = digits - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 10)) scratch[at + i] = DIGIT_0 + (rest % 10)
  return at + digits
}
