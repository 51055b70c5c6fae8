import { randomBytes } from 'node:crypto'
import type { Clock, Timer } from '../base/clock.ts'
import { formatIp } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import { Nftables } from '../netlink/nftables.ts'
import { Rtnetlink } from '../netlink/rtnetlink.ts'
import { NetlinkError } from '../netlink/socket.ts'
import { desiredTable, type NetworkWishes } from './desired.ts'
import { Presence } from './peers.ts'
import { missingAddresses, tableIsRight } from './plan.ts'

/** Name of the table where the kernel has no tables that belong to a socket; the next start finds and replaces it. */
const SHARED_TABLE = 'hearth-node'
/** Notifications that come together are looked at together. */
const SETTLE_MS = 100

/** The kinds of errors that node-cache counts. */
export type SetupError = 'iptables' | 'iptables_lock' | 'interface_add' | 'interface_check' | 'configmap'

export interface NetworkOptions extends NetworkWishes {
  /** False: the addresses are somebody else's business. */
  readonly setupAddresses: boolean
  /** False: no rules. */
  readonly setupRules: boolean
  /** A dummy link to put the addresses on; undefined for `lo`. */
  readonly linkName: string | undefined
}

export interface NetworkWorld {
  readonly log: Log
  readonly clock: Clock
  failed(kind: SetupError): void
}

/** The node's addresses and rules that are ours: what should be, kept so until we leave. */
export class NodeNetwork {
  readonly #options: NetworkOptions
  readonly #world: NetworkWorld
  readonly #routes: Rtnetlink
  /** Does batches and nothing else: the rules live as long as this socket. */
  readonly #nftables: Nftables | undefined
  readonly #presence = new Presence()
  #tableName = `hearth-${randomBytes(4).toString('hex')}`
  #owned = true
  #rulesWanted = false
  #settling: Timer | undefined
  #checking: Promise<void> = Promise.resolve()
  #closed = false

  /** Throws the system's error where there is no netlink. */
  constructor(options: NetworkOptions, world: NetworkWorld) {
    this.#options = options
    this.#world = world
    this.#routes = new Rtnetlink(() => this.#settle())
    this.#nftables = options.setupRules ? new Nftables() : undefined
  }

  /** Adds the addresses that the node does not have. Rejects with what to grant when that is not allowed. */
  async addAddresses(): Promise<void> {
    await this.#presence.announce()
    if (!this.#options.setupAddresses) return
    try {
      await this.#ensureAddresses()
    } catch (error) {
      this.#world.failed('interface_add')
      const list = this.#options.addresses.map(formatIp).join(', ')
      throw new Error(`cannot add ${list} to the node: ${messageOf(error)}. Grant the capability NET_ADMIN; or add the addresses yourself and start with -setupinterface=false, which serves them without it`, { cause: error })
    }
  }

  /** Queries are answered now: take them. What fails is logged, counted and tried again at the next check. */
  async addRules(): Promise<void> {
    this.#rulesWanted = this.#options.setupRules
    await this.#ensureRules()
  }

  /** Puts back what is missing. Called at every interval, and after the kernel told of a change. Never rejects. */
  check(): Promise<void> {
    this.#checking = this.#checking.then(() => this.#checkNow())
    return this.#checking
  }

  /** New packets go where they would go without us. */
  async removeRules(): Promise<void> {
    this.#rulesWanted = false
    await this.#checking
    await this.#nftables?.deleteTable('inet', this.#tableName)
    if (this.#options.setupRules) this.#world.log.info(`removed the rules of table inet ${this.#tableName}`)
  }

  /** Takes the addresses back, unless another agent of this node lives. */
  async removeAddresses(): Promise<void> {
    if (!this.#options.setupAddresses) return
    if (this.#presence.hasPeers()) {
      this.#world.log.info('leaving the addresses to another agent on this node')
      return
    }
    const present = await this.#routes.addresses()
    for (const address of present) {
      if (missingAddresses([address.bytes], this.#options.addresses.map((bytes) => ({ bytes, link: 0, bits: 0 }))).length === 0) await this.#routes.removeAddress(address)
    }
    const link = this.#options.linkName === undefined ? undefined : await this.#routes.link(this.#options.linkName)
    if (link !== undefined) await this.#routes.removeLink(link.index)
    this.#world.log.info(`removed the addresses ${this.#options.addresses.map(formatIp).join(', ')}`)
  }

  close(): void {
    this.#closed = true
    this.#settling?.cancel()
    this.#presence.close()
    this.#routes.close()
    this.#nftables?.close()
  }

  #settle(): void {
    if (this.#closed) return
    this.#settling ??= this.#world.clock.after(SETTLE_MS, () => {
      this.#settling = undefined
      void this.check()
    })
  }

  async #checkNow(): Promise<void> {
    if (this.#closed) return
    if (this.#options.setupAddresses) {
      try {
        await this.#ensureAddresses()
      } catch (error) {
        this.#world.failed('interface_check')
        this.#world.log.error(`checking addresses: ${messageOf(error)}`)
      }
    }
    await this.#ensureRules()
  }

  async #ensureAddresses(): Promise<void> {
    const missing = missingAddresses(this.#options.addresses, await this.#routes.addresses())
    if (missing.length === 0) return
    const link = await this.#link()
    for (const bytes of missing) {
      await this.#routes.addAddress({ link, bytes, bits: bytes.length * 8, host: true })
      this.#world.log.info(`added address ${formatIp(bytes)} to the node`)
    }
  }

  /** Index of the link that carries the addresses; `lo` where the kernel has no dummy links. */
  async #link(): Promise<number> {
    const name = this.#options.linkName
    if (name !== undefined) {
      try {
        const known = await this.#routes.link(name)
        if (known === undefined) await this.#routes.addLink(name, 'dummy')
        const link = (await this.#routes.link(name))!
        if (!link.up) await this.#routes.setUp(link.index)
        return link.index
      } catch (error) {
        if (!(error instanceof NetlinkError) || error.code !== 'EOPNOTSUPP') throw error
        this.#world.log.warning(`this kernel has no dummy links: using lo instead of ${name}`)
      }
    }
    const lo = (await this.#routes.link('lo'))!
    if (!lo.up) await this.#routes.setUp(lo.index)
    return lo.index
  }

  async #ensureRules(): Promise<void> {
    const nftables = this.#nftables
    if (!this.#rulesWanted || nftables === undefined) return
    try {
      const wanted = desiredTable(this.#tableName, this.#options)
      if (tableIsRight(wanted, await nftables.rules('inet', this.#tableName))) return
      await this.#makeTable(nftables)
      this.#world.log.info(`rules in force: table inet ${this.#tableName}, ${this.#owned ? 'which vanishes with this process' : 'which stays if this process is killed'}`)
    } catch (error) {
      this.#world.failed('iptables')
      this.#world.log.error(`installing rules: ${messageOf(error)}. Without them DNS is answered at the addresses of this agent, but kube-proxy keeps the cluster's DNS address`)
    }
  }

  async #makeTable(nftables: Nftables): Promise<void> {
    if (this.#owned) {
      try {
        return await nftables.replaceTable(desiredTable(this.#tableName, this.#options), { owned: true })
      } catch (error) {
        if (!(error instanceof NetlinkError) || !['EINVAL', 'EOPNOTSUPP'].includes(error.code)) throw error
        this.#owned = false
        this.#tableName = SHARED_TABLE
        this.#world.log.warning('this kernel has no tables that belong to a process (Linux 5.12): a killed agent leaves its rules behind')
      }
    }
    await nftables.replaceTable(desiredTable(this.#tableName, this.#options), { owned: false })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
