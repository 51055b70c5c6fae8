import { formatIp } from '../base/ip.ts'
import { hasCode, Nftables } from '../netlink/nftables.ts'
import type { WritePace } from '../netlink/write-pace.ts'
import { tableIsRight } from './difference.ts'
import { leaseName, ruleTable } from './rule-table.ts'
import type { StateLog } from './state-log.ts'
import { FAMILIES, LEASE_MS, ofFamily, type Wishes } from './wishes.ts'

export interface Lease {
  readonly address: string
  /** Since it was last renewed. */
  readonly ageMs: number
}

/** The table with this agent's rules, which ends with the process. All methods reject with NetlinkError. */
export class OwnTable {
  readonly name: string
  /** Does its own transactions and nothing else: the rules live as long as this socket. */
  readonly #owner: Nftables
  readonly #reader: Nftables
  readonly #log: StateLog
  #owned = true
  #made = false
  #renewing = false

  /** `reader` lists what is there. */
  constructor(name: string, reader: Nftables, pace: WritePace, log: StateLog) {
    this.name = name
    this.#owner = new Nftables(pace)
    this.#reader = reader
    this.#log = log
  }

  /** False on kernels without tables that belong to a socket. */
  get owned(): boolean {
    return this.#owned
  }

  /** It was made once, and not ended. */
  get made(): boolean {
    return this.#made
  }

  async isRight(wishes: Wishes, taking: boolean): Promise<boolean> {
    return tableIsRight(ruleTable(this.name, wishes, taking), await this.#reader.rules('inet', this.name))
  }

  /** `taking` false: what has arrived is answered, and new queries go to the cluster. */
  async make(wishes: Wishes, taking: boolean): Promise<void> {
    await this.#replace(wishes, taking)
    this.#made = true
  }

  async end(): Promise<void> {
    await this.#owner.deleteTable('inet', this.name)
    this.#made = false
  }

  /** What marked answers do, in a batch. Does nothing while one is on its way: more of them would only queue up. */
  async renewLeases(wishes: Wishes): Promise<void> {
    if (this.#renewing) return
    this.#renewing = true
    try {
      await this.#owner.renewElements('inet', this.name, FAMILIES.flatMap((family) => {
        const keys = ofFamily(wishes.addresses, family)
        return keys.length > 0 ? [{ set: leaseName(family), keys }] : []
      }))
    } finally {
      this.#renewing = false
    }
  }

  /** Those that last. */
  async leases(): Promise<Lease[]> {
    const found = await Promise.all(FAMILIES.map((family) => this.#reader.elements('inet', this.name, leaseName(family))))
    return found.flat().map((lease) => ({ address: formatIp(lease.key), ageMs: LEASE_MS - lease.expiresMs }))
  }

  close(): void {
    this.#owner.close()
  }

  async #replace(wishes: Wishes, taking: boolean): Promise<void> {
    const table = ruleTable(this.name, wishes, taking)
    try {
      return await this.#owner.replaceTable(table, { owned: this.#owned })
    } catch (error) {
      if (!this.#owned || !hasCode(error, 'EINVAL', 'EOPNOTSUPP')) throw error
      this.#owned = false
      this.#log.degraded('no owner tables', { why: 'this kernel is older than Linux 5.12', effect: 'the rules of a killed agent end with their lease after 2 s, and the next agent removes them' })
    }
    await this.#owner.replaceTable(table, { owned: false })
  }
}
