import type { TableSpec } from '../netlink/nft-messages.ts'
import type { Nftables } from '../netlink/nftables.ts'
import { tableIsRight } from './difference.ts'
import { fallbackTables, type Target } from './fallback-tables.ts'
import { describeTargets } from './fallback-targets.ts'
import type { Presence } from './presence.ts'
import type { StateLog } from './state-log.ts'
import type { Wishes } from './wishes.ts'

/** Where our addresses lead while no agent takes queries. Methods reject with NetlinkError. */
export class Fallback {
  readonly #nftables: Nftables
  readonly #presence: Presence
  readonly #log: StateLog
  readonly #said = new Set<string>()
  #targets: readonly Target[] = []

  constructor(nftables: Nftables, presence: Presence, log: StateLog) {
    this.#nftables = nftables
    this.#presence = presence
    this.#log = log
  }

  /** Empty while nobody is known. */
  get targets(): string {
    return describeTargets(this.#targets)
  }

  /** True when they are others than before. None at all are no news: the last ones stay. */
  follow(targets: readonly Target[], from: string): boolean {
    if (targets.length === 0 || describeTargets(targets) === this.targets) return false
    this.#targets = targets
    this.#log.changed('fallback targets found', { targets: this.targets, from })
    return true
  }

  /**
   * One agent of a node keeps it as it should be: two with different configurations would undo each other's work for ever. What is not
   * there at all any of them makes, since that one may hang. Who does not know yet where to leaves what an earlier agent knew.
   */
  async ensure(wishes: Wishes): Promise<void> {
    const keeps = this.#targets.length > 0 && !this.#presence.peers().some((peer) => peer.id < this.#presence.instance.id)
    for (const table of fallbackTables(wishes, this.#targets)) {
      const found = await this.#nftables.rules(table.family, table.name)
      if (tableIsRight(table, found)) this.#say('fallback found in force', table)
      else if (keeps || found.length === 0) {
        await this.#nftables.replaceTable(table, { owned: false })
        this.#said.delete(nameOf(table))
        this.#say('fallback in force', table)
      }
    }
  }

  /** Once, until it is made again. */
  #say(event: string, table: TableSpec): void {
    if (this.#said.has(nameOf(table))) return
    this.#said.add(nameOf(table))
    this.#log.changed(event, { table: nameOf(table), targets: this.targets || 'none known yet' })
  }

  /** Whether every family of our addresses has its table, whoever keeps it. */
  async isThere(wishes: Wishes): Promise<boolean> {
    const there = await Promise.all(fallbackTables(wishes, []).map(async (table) => (await this.#nftables.tables(table.family)).includes(table.name)))
    return there.every((each) => each)
  }
}

function nameOf(table: TableSpec): string {
  return `${table.family} ${table.name}`
}
