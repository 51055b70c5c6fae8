import type { CachedAnswer } from '../../core/stage-state.ts'
import type { PacketCache } from '../../core/quick.ts'
import { rcodeName, typeName } from '../../wire/codes.ts'
import type { Entry } from './entry.ts'
import type { Store } from './store.ts'

/** Entries looked at in one search: enough for every default, and no more than some milliseconds. */
const LOOKED_AT = 50_000

/** Entries of a store whose name contains the text, in the store's order. */
export function cachedAnswers(store: Store, kind: CachedAnswer['store'], text: string, limit: number, nowMs: number, packets: PacketCache): CachedAnswer[] {
  const wanted = text.toLowerCase()
  const found: CachedAnswer[] = []
  let looked = 0
  for (const entry of store.entries()) {
    if (found.length >= limit || ++looked > LOOKED_AT) break
    const { question } = entry
    if (!question.name.toLowerCase().includes(wanted)) continue
    found.push({
      name: question.name, type: typeName(question.type), rcode: rcodeName(entry.rcode), store: kind, ttlLeft: entry.left(nowMs), ttl: entry.ttl, hits: usesOf(entry, packets),
      records: entry.records,
    })
  }
  return found
}

/** Replies made of an entry, by stages and by packet workers. */
export function usesOf(entry: Entry, packets: PacketCache): number {
  return entry.replies + (entry.loan === undefined ? 0 : packets.hits(entry.loan))
}
