import { LRUCache } from 'lru-cache'
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

/**
 * Entries by key, bounded in number and in bytes. What was used longest ago goes first, but not what the packet cache has answered
 * with since it was last about to go: those queries are not seen here.
 */
export class Store implements Holder {
  readonly #entries: LRUCache<string, Entry>
  readonly #packets: PacketCache
  readonly #budget: ByteBudget
  /** Entries that had to go for others. */
  evicted = 0

  constructor(capacity: number, packets: PacketCache, budget: ByteBudget) {
    this.#packets = packets
    this.#budget = budget
    budget.join(this)
    this.#entries = new LRUCache({
      max: capacity,
      maxSize: capacity * BYTES_PER_ENTRY,
      sizeCalculation: (entry, key) => entry.sizeBytes + key.length,
      dispose: (entry, _key, reason) => {
        if (reason === 'evict') this.evicted++
        if (entry.loan !== undefined) packets.drop(entry.loan)
      },
    })
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#entries.calculatedSize
  }

  letGo(): boolean {
    const key = this.#entries.rkeys().next().value
    if (key === undefined) return false
    this.evicted++
    return this.#entries.delete(key)
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  /** As `get`, without counting as a use. */
  peek(key: string): Entry | undefined {
    return this.#entries.peek(key)
  }

  /** Those used last come first. */
  entries(): Iterable<Entry> {
    return this.#entries.values()
  }

  /** Each key with the name that it is for, in lower case. */
  *keys(): Iterable<readonly [string, Name]> {
    for (const key of this.#entries.keys()) yield [key, nameOfKey(key)]
  }

  set(key: string, entry: Entry): void {
    this.#spareUsed(entry.sizeBytes)
    this.#entries.set(key, entry)
    this.#budget.settle()
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  withdraw(key: string): void {
    const loan = this.#entries.peek(key)?.loan
    if (loan !== undefined) this.#packets.drop(loan)
  }

  #spareUsed(sizeBytes: number): void {
    const { max, maxSize } = this.#entries
    if (this.#entries.size < max && this.#entries.calculatedSize + sizeBytes <= maxSize) return
    for (let spared = 0; spared < SPARED_AT_ONCE; spared++) {
      const oldest = this.#entries.rkeys().next().value
      const loan = oldest === undefined ? undefined : this.#entries.peek(oldest)?.loan
      if (loan === undefined || !loan.wasUsed(this.#packets)) return
      this.#entries.get(oldest!)
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
