import type { Nftables } from '../netlink/nftables.ts'
import type { Rtnetlink } from '../netlink/rtnetlink.ts'
import { findRemains, NO_REMAINS, removeRemains, type Remains } from './node-cache-remains.ts'
import type { StateLog } from './state-log.ts'

export interface TakeoverOptions {
  /** The link is one of ours that has its name. */
  readonly keepLink: boolean
  /** Who else has sockets at our addresses; `stranger`: none of our kind. */
  readonly sharer: () => 'agent' | 'stranger' | undefined
}

/** Takes over from node-cache, and lets it take over from us. Methods reject with NetlinkError. */
export class Takeover {
  readonly #nftables: Nftables
  readonly #routes: Rtnetlink
  readonly #log: StateLog
  readonly #options: TakeoverOptions
  #remainsSeen = false
  #besideStranger = false

  constructor(options: TakeoverOptions, nftables: Nftables, routes: Rtnetlink, log: StateLog) {
    this.#options = options
    this.#nftables = nftables
    this.#routes = routes
    this.#log = log
  }

  /** At the start, after our own rules are in place: we replace whoever was here. */
  async now(): Promise<void> {
    for (const what of await removeRemains(this.#nftables, this.#routes, await this.#find())) this.#log.changed('taken over from node-cache', { removed: what })
  }

  /**
   * Whoever comes after us takes over from us, as node-cache does on the way back to it. Without an agent its remains would keep
   * queries from the cluster, so they go when it is gone: it has no socket at two looks, since it makes its link before them.
   */
  async later(): Promise<void> {
    const { rules, link } = this.#isShared() ? NO_REMAINS : await this.#find()
    const found = rules.length > 0 || link !== undefined
    if (found && this.#remainsSeen) await this.now()
    this.#remainsSeen = found
  }

  #find(): Promise<Remains> {
    return findRemains(this.#nftables, this.#routes, { keepLink: this.#options.keepLink })
  }

  #isShared(): boolean {
    const by = this.#options.sharer()
    if (by === 'agent') return true
    const beside = by === 'stranger'
    if (beside && !this.#besideStranger) this.#log.changed('another server has sockets at our addresses', { effect: 'it gets its part of the queries, and rules and link of node-cache are left to it' })
    if (!beside && this.#besideStranger) this.#log.changed('no other server has sockets at our addresses')
    this.#besideStranger = beside
    return beside
  }
}
