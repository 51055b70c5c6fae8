import type { Clock, Timer } from '../base/clock.ts'
import { equalIp, formatIp } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import { hasCode, Nftables } from '../netlink/nftables.ts'
import { Rtnetlink } from '../netlink/rtnetlink.ts'
import { insertAcceptRules, removeAcceptRules, type AcceptRules } from './accept-rules.ts'
import { NodeAddresses, RENEW_MS } from './addresses.ts'
import { tableIsRight } from './difference.ts'
import { fallbackTables, type Target } from './fallback-tables.ts'
import { describeTargets } from './fallback-targets.ts'
import { legacyAdvice, NODE_CACHE_LINK, removeNodeCache } from './node-cache-remains.ts'
import type { Presence } from './presence.ts'
import { detectMode, IPVS_LINK, readFacts, type Detection, type ProxyModeOption } from './proxy-mode.ts'
import { leaseName, ruleTable } from './rule-table.ts'
import { removeStaleTables, tableNameOf } from './stale-tables.ts'
import { StateLog } from './state-log.ts'
import { STATE, thingsThat, type Thing } from './state-table.ts'
import { FAMILIES, LEASE_MS, ofFamily, type Wishes } from './wishes.ts'

/** Notifications that come together are looked at together. */
const SETTLE_MS = 100
/** How often addresses are looked at although the kernel tells of changes: what it tells can be lost. */
const ADDRESSES_MS = 3000
/** How often the number is compared that every change of nftables increases. */
const GENERATION_MS = 1000

const LOOK = 'looking who translates Services'

/** The kinds of errors that node-cache counts. */
export type SetupError = 'iptables' | 'iptables_lock' | 'interface_add' | 'interface_check' | 'configmap'

export interface NetworkOptions {
  readonly addresses: readonly Uint8Array[]
  readonly port: number
  readonly healthPort: number
  /** False: the addresses are somebody else's business. */
  readonly setupAddresses: boolean
  /** False: no rules. */
  readonly setupRules: boolean
  /** A dummy link to put the addresses on; undefined for `lo`. */
  readonly linkName: string | undefined
  readonly proxyMode: ProxyModeOption
  readonly acceptRules: AcceptRules
}

export interface NetworkWorld {
  readonly log: Log
  readonly clock: Clock
  failed(kind: SetupError): void
}

/** What is known of the kernel's state, for reports. */
export interface NetworkState {
  readonly mode: Detection
  readonly addresses: readonly string[]
  readonly addressesPresent: readonly string[]
  readonly table: string
  readonly owned: boolean
  readonly rulesPresent: boolean
  readonly taking: boolean
  /** Addresses whose lease lasts, with what is left of it. */
  readonly leases: readonly { readonly address: string; readonly ageMs: number }[]
  readonly fallback: string
  readonly fallbackPresent: boolean
}

interface Hand {
  /** Makes it, or puts back what is missing; does nothing when all is well. */
  make(): Promise<void>
  end(): Promise<void>
}

/** Things whose rules or addresses are the agent's to make: the rest belongs to the server or the process. */
type Kept = Exclude<Thing, 'presence' | 'sockets' | 'lease'>

/** The node's addresses and rules that are ours: the table of state-table.ts, applied. */
export class NodeNetwork {
  readonly #options: NetworkOptions
  readonly #world: NetworkWorld
  readonly #presence: Presence
  readonly #log: StateLog
  readonly #routes: Rtnetlink
  /** Does its own transactions and nothing else: the rules live as long as this socket. */
  readonly #owner = new Nftables()
  readonly #nftables = new Nftables()
  readonly #complaints = new Map<string, string>()
  #mode: Detection
  #addresses: NodeAddresses
  #wishes: Wishes
  #owned = true
  #stage: 'start' | 'ready' | 'leaving' = 'start'
  #taking = true
  #rulesMade = false
  #targets: readonly Target[] = []
  #timers: Timer[] = []
  #settling: Timer | undefined
  #turn: Promise<void> = Promise.resolve()
  #generation = -1
  #closed = false

  /** Throws the system's error where there is no netlink. */
  constructor(options: NetworkOptions, presence: Presence, world: NetworkWorld) {
    this.#options = options
    this.#world = world
    this.#presence = presence
    this.#log = new StateLog(world.log)
    this.#routes = new Rtnetlink(() => this.#settle())
    this.#mode = { mode: options.proxyMode === 'auto' ? 'none' : options.proxyMode, why: '--proxy-mode says so' }
    this.#wishes = { addresses: options.addresses, port: options.port, healthPort: options.healthPort, mark: undefined, probePorts: [] }
    this.#addresses = new NodeAddresses(options.addresses, options.linkName, this.#routes, this.#log)
  }

  get mode(): Detection {
    return this.#mode
  }

  /** Where queries are served. In IPVS mode the cluster's address is on a link of kube-proxy's, and IPVS takes its packets. */
  get addresses(): readonly Uint8Array[] {
    return this.#wishes.addresses
  }

  get taking(): boolean {
    return this.#taking
  }

  /** Finds out who translates Services here, and so which addresses are ours. */
  async detect(): Promise<void> {
    await this.#attempt('iptables', LOOK, () => this.#detectMode())
    if (this.#mode.mode !== 'ipvs') return
    const link = await this.#routes.link(IPVS_LINK)
    const theirs = (await this.#routes.addresses()).filter((address) => address.link === link?.index)
    const ours = this.#wishes.addresses.filter((address) => !theirs.some((other) => equalIp(other.bytes, address)))
    if (ours.length === this.#wishes.addresses.length || ours.length === 0) return
    const left = this.#wishes.addresses.filter((address) => !ours.includes(address)).map(formatIp)
    this.#log.changed('addresses left to IPVS', { addresses: left.join(' '), link: IPVS_LINK })
    this.#wishes = { ...this.#wishes, addresses: ours }
    this.#addresses = new NodeAddresses(ours, this.#options.linkName, this.#routes, this.#log)
  }

  /** Makes what must be there before sockets open. Rejects with what to grant when that is not allowed. */
  async start(): Promise<void> {
    try {
      for (const thing of thingsThat('start', false, 'made')) await this.#hand(thing)?.make()
    } catch (error) {
      this.#world.failed('interface_add')
      const list = this.#wishes.addresses.map(formatIp).join(', ')
      throw new Error(`cannot add ${list} to the node: ${messageOf(error)}. Grant the capability NET_ADMIN; or add the addresses yourself and start with -setupinterface=false, which serves them without it`, { cause: error })
    }
    this.#timers.push(this.#world.clock.every(ADDRESSES_MS, () => this.#settle()))
    if (this.#options.setupAddresses) this.#timers.push(this.#world.clock.every(RENEW_MS, () => void this.#attempt('interface_check', 'renewing addresses', () => this.#addresses.renew())))
  }

  /** Queries are answered now: take them. What fails is logged, counted and tried again. */
  async ready(answers: { readonly mark: number | undefined; readonly probePorts: readonly number[] }): Promise<void> {
    if (this.#stage === 'leaving') return
    this.#wishes = { ...this.#wishes, ...answers }
    this.#stage = 'ready'
    this.#timers.push(this.#world.clock.every(GENERATION_MS, () => void this.#compareGeneration()))
    await this.#inTurn('iptables', 'removing tables of agents that are no more', async () => {
      for (const name of await removeStaleTables(this.#nftables)) this.#log.changed('stale table removed', { table: name })
    })
    await this.#inTurn('iptables', 'installing rules', () => this.#makeAll('made'))
    await this.#inTurn('iptables', 'taking over', () => this.#migrate())
  }

  /** Looks at everything and puts back what is missing. Never rejects. */
  check(): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#closed) return
      await this.#attempt('iptables', LOOK, () => this.#detectMode())
      await this.#makeAll('repaired')
      if (this.#stage === 'ready') await this.#migrate()
    })
    return this.#turn
  }

  /** Where packets go while nobody takes them. */
  async setTargets(targets: readonly Target[], from: string): Promise<void> {
    if (describeTargets(targets) === describeTargets(this.#targets) || targets.length === 0) return
    this.#targets = targets
    this.#log.changed('fallback targets found', { targets: describeTargets(targets), from })
    await this.#inTurn('iptables', 'making the fallback', async () => {
      if (this.#stage === 'ready') await this.#hand('fallback')?.make()
    })
  }

  /** New packets go where they would go without us; false: they come back. */
  async withdraw(withdrawn: boolean, why: string): Promise<void> {
    if (this.#stage !== 'ready' || this.#taking === !withdrawn) return
    this.#taking = !withdrawn
    if (withdrawn) this.#log.degraded('queries given to the cluster', { why })
    else this.#log.changed('queries taken again', { why })
    await this.#inTurn('iptables', 'changing rules', async () => this.#hand('queries untracked')?.make())
  }

  /** For sockets without a mark: what their answers would do, in a batch. */
  async renewLeases(): Promise<void> {
    if (this.#stage !== 'ready' || !this.#taking) return
    await this.#attempt('iptables', 'renewing the lease', async () => {
      for (const family of FAMILIES) {
        const addresses = ofFamily(this.#wishes.addresses, family)
        if (addresses.length > 0) await this.#owner.renewElements('inet', this.#tableName, leaseName(family), addresses)
      }
    })
  }

  /** TCP is closed, UDP still answers: new packets go elsewhere. */
  async leaving(): Promise<void> {
    this.#stage = 'leaving'
    this.#taking = false
    for (const timer of this.#timers) timer.cancel()
    await this.#inTurn('iptables', 'withdrawing', async () => {
      if (!this.#rulesMade) return
      for (const thing of thingsThat('SIGTERM', this.#hasPeers, 'withdrawn')) await this.#hand(thing)?.end()
    })
  }

  /** Nothing answers any more. */
  async left(): Promise<void> {
    const twin = this.#hasPeers
    if (twin) this.#log.changed('addresses left to another agent')
    await this.#attempt('iptables', 'removing', async () => {
      for (const thing of thingsThat('SIGTERM', twin, 'removed')) await this.#hand(thing)?.end()
    })
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    this.#settling?.cancel()
    this.#routes.close()
    this.#owner.close()
    this.#nftables.close()
  }

  async state(): Promise<NetworkState> {
    const leases = this.#stage === 'ready' ? (await Promise.all(FAMILIES.map((family) => this.#nftables.elements('inet', this.#tableName, leaseName(family))))).flat() : []
    const fallback = await Promise.all(fallbackTables(this.#wishes, this.#targets).map(async (table) => tableIsRight(table, await this.#nftables.rules(table.family, table.name))))
    return {
      mode: this.#mode,
      addresses: this.#wishes.addresses.map(formatIp),
      addressesPresent: (await this.#addresses.present()).map(formatIp),
      table: `inet ${this.#tableName}`,
      owned: this.#owned,
      rulesPresent: this.#stage === 'ready' && tableIsRight(this.#table, await this.#nftables.rules('inet', this.#tableName)),
      taking: this.#taking && this.#stage === 'ready',
      leases: leases.map((lease) => ({ address: formatIp(lease.key), ageMs: LEASE_MS - lease.expiresMs })),
      fallback: describeTargets(this.#targets),
      fallbackPresent: fallback.every((right) => right),
    }
  }

  /** By thing: how it is made and ended. `make` is called again and again. */
  readonly #hands: Readonly<Record<Kept, Hand>> = {
    address: {
      make: () => this.#addresses.ensure(),
      end: () => this.#addresses.remove(),
    },
    'answers untracked': {
      make: () => this.#makeRules(),
      end: async () => {
        await this.#owner.deleteTable('inet', this.#tableName)
        this.#log.changed('rules removed', { table: `inet ${this.#tableName}` })
      },
    },
    'queries untracked': {
      make: () => this.#makeRules(),
      end: async () => {
        await this.#owner.replaceTable(this.#table, { owned: this.#owned })
        this.#log.changed('queries given to the cluster', { table: `inet ${this.#tableName}`, why: 'this agent leaves' })
      },
    },
    fallback: { make: () => this.#makeFallback(), end: () => Promise.resolve() },
    masquerade: { make: () => Promise.resolve(), end: () => Promise.resolve() },
    'accept rules': {
      make: async () => {
        for (const rule of await insertAcceptRules(this.#nftables, this.#wishes, this.#options.acceptRules)) this.#log.changed('accept rule added', { rule })
      },
      end: async () => {
        for (const rule of await removeAcceptRules(this.#nftables)) this.#log.changed('accept rule removed', { rule })
      },
    },
  }

  #hand(thing: Thing): Hand | undefined {
    if (!(thing in this.#hands)) return undefined
    if (thing === 'address' ? !this.#options.setupAddresses : !this.rulesWanted) return undefined
    return this.#hands[thing as Kept]
  }

  /** False where rules are not asked for, or nothing that they could do. */
  get rulesWanted(): boolean {
    if (!this.#options.setupRules) return false
    return this.#mode.mode !== 'ebpf' && this.#options.proxyMode !== 'none'
  }

  get #hasPeers(): boolean {
    return this.#presence.peers().length > 0
  }

  get #tableName(): string {
    return tableNameOf(this.#presence.instance)
  }

  get #table() {
    return ruleTable(this.#tableName, this.#wishes, this.#taking)
  }

  /** One thing failing keeps no other from being made. */
  async #makeAll(fate: 'made' | 'repaired'): Promise<void> {
    const rows = fate === 'made' ? thingsThat('ready', false, 'made') : STATE.map((row) => row.thing)
    for (const thing of rows) {
      if (this.#stage === 'leaving' || (this.#stage === 'start' && thing !== 'address')) continue
      await this.#attempt(thing === 'address' ? 'interface_check' : 'iptables', thing, async () => this.#hand(thing)?.make())
    }
  }

  async #makeRules(): Promise<void> {
    if (this.#stage !== 'ready') return
    if (tableIsRight(this.#table, await this.#nftables.rules('inet', this.#tableName))) return
    await this.#replaceOwnTable()
    this.#rulesMade = true
    if (!this.#taking) return
    this.#log.changed('rules in force', { table: `inet ${this.#tableName}`, owner: this.#owned, lease: this.#wishes.mark === undefined ? 'renewed by probes' : 'renewed by answers', mode: this.#mode.mode })
  }

  async #replaceOwnTable(): Promise<void> {
    try {
      return await this.#owner.replaceTable(this.#table, { owned: this.#owned })
    } catch (error) {
      if (!this.#owned || !hasCode(error, 'EINVAL', 'EOPNOTSUPP')) throw error
      this.#owned = false
      this.#log.degraded('no owner tables', { why: 'this kernel is older than Linux 5.12', effect: 'the rules of a killed agent end with their lease after 2 s, and the next agent removes them' })
    }
    await this.#owner.replaceTable(this.#table, { owned: false })
  }

  /** One agent of a node keeps it: two with different configurations would undo each other's work for ever. */
  async #makeFallback(): Promise<void> {
    if (this.#presence.peers().some((peer) => peer.id < this.#presence.instance.id)) return
    for (const table of fallbackTables(this.#wishes, this.#targets)) {
      if (tableIsRight(table, await this.#nftables.rules(table.family, table.name))) continue
      await this.#nftables.replaceTable(table, { owned: false })
      this.#log.changed('fallback in force', { table: `${table.family} ${table.name}`, targets: describeTargets(this.#targets) || 'none known yet' })
    }
  }

  /** After our own rules are in place. */
  async #migrate(): Promise<void> {
    if (!this.rulesWanted) return
    await this.#attempt('iptables', 'taking over from node-cache', async () => {
      for (const what of await removeNodeCache(this.#nftables, this.#routes, { keepLink: this.#options.linkName === NODE_CACHE_LINK })) this.#log.changed('taken over from node-cache', { removed: what })
    })
    const advice = legacyAdvice()
    if (advice !== undefined) this.#complain('legacy', advice)
  }

  async #detectMode(): Promise<void> {
    if (this.#options.proxyMode !== 'auto' || !this.#options.setupRules) return
    const found = detectMode(await readFacts(this.#routes, this.#nftables))
    if (found.mode === this.#mode.mode && found.why === this.#mode.why) return
    this.#mode = found
    this.#log.changed('proxy mode detected', { mode: found.mode, why: found.why })
    if (found.mode === 'ebpf') this.#log.degraded('no rules', { why: 'Services are translated before rules see them', remedy: 'give pods the link-local address by the kubelet\'s clusterDNS, or use manifests/node/overlays/cilium' })
  }

  async #compareGeneration(): Promise<void> {
    await this.#attempt('iptables', 'reading the generation of nftables', async () => {
      const now = await this.#nftables.generation()
      if (now === this.#generation) return
      this.#generation = now
      await this.#inTurn('iptables', 'repairing', () => this.#makeAll('repaired'))
    })
  }

  #settle(): void {
    if (this.#closed || this.#stage === 'leaving') return
    this.#settling ??= this.#world.clock.after(SETTLE_MS, () => {
      this.#settling = undefined
      void this.#inTurn('interface_check', 'checking addresses', async () => this.#hand('address')?.make())
    })
  }

  #inTurn(kind: SetupError, what: string, work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(() => this.#attempt(kind, what, work))
    return this.#turn
  }

  /** Failures are counted each time and said once until they change. */
  async #attempt(kind: SetupError, what: string, work: () => Promise<void>): Promise<void> {
    if (this.#closed) return
    try {
      await work()
      this.#complaints.delete(what)
    } catch (error) {
      this.#world.failed(kind)
      this.#complain(what, messageOf(error))
    }
  }

  #complain(what: string, text: string): void {
    if (this.#complaints.get(what) === text) return
    this.#complaints.set(what, text)
    this.#log.failed(`${what} failed`, { why: text })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
