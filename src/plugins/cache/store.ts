import { LRUCache } from 'lru-cache'
import type { Message } from '../../wire/message.ts'
import { lowerName } from '../../wire/name.ts'
import type { Entry } from './entry.ts'

/** Octets that entries of a store may have on average, capacity times this being its bound in bytes. */
const BYTES_PER_ENTRY = 2048

/** Entries by key, bounded in number and in bytes. What was used longest ago goes first. */
export class Store {
  readonly #entries: LRUCache<string, Entry>
  /** Entries that had to go for others. */
  evicted = 0

  constructor(capacity: number) {
    this.#entries = new LRUCache({
      max: capacity,
      maxSize: capacity * BYTES_PER_ENTRY,
      sizeCalculation: (entry, key) => entry.sizeBytes + key.length,
      dispose: (_entry, _key, reason) => {
        if (reason === 'evict') this.evicted++
      },
    })
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  /** As `get`, without counting as a use. */
  peek(key: string): Entry | undefined {
    return this.#entries.peek(key)
  }

  set(key: string, entry: Entry): void {
    this.#entries.set(key, entry)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}

/** What tells stored replies apart: name, type, class, and whether DNSSEC records and unchecked data were asked for. */
export function cacheKey(request: Message): string {
  const { name, type, class: klass } = request.questions[0]!
  return `${(request.edns?.do === true ? 2 : 0) + (request.cd ? 1 : 0)} ${type} ${klass} ${lowerName(name)}`
}
