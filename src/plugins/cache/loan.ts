import type { Kept, PacketCache } from '../../core/quick.ts'
import type { Entry } from './entry.ts'
import type { CacheOptions } from './options.ts'
import { refreshSeconds } from './ttl.ts'

/** An entry as the packet cache has it, from the second time on that somebody asks for it. */
export class Loan implements Kept {
  readonly untilMs: number
  readonly storedMs: number
  readonly ttl: number
  readonly authentic: boolean
  readonly denial: boolean
  readonly pauseMs: number
  readonly places: number[] = []
  #seenHits = 0

  constructor(entry: Entry, options: CacheOptions) {
    this.untilMs = entry.storedMs + (entry.ttl - refreshSeconds(entry.ttl, options)) * 1000
    this.storedMs = entry.storedMs
    this.ttl = options.keepTtl ? -1 : entry.ttl
    this.authentic = entry.ad
    this.denial = entry.denial
    this.pauseMs = options.prefetch.amount > 0 ? options.prefetch.windowMs : 0
  }

  /** True when the packet cache has answered with it since the last call. */
  wasUsed(packets: PacketCache): boolean {
    const hits = packets.hits(this)
    const used = hits !== this.#seenHits
    this.#seenHits = hits
    return used
  }
}
