import type { Clock, Timer } from '../base/clock.ts'
import { equalIp, formatIp } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import { Nftables } from '../netlink/nftables.ts'
import { Rtnetlink } from '../netlink/rtnetlink.ts'
import { WritePace } from '../netlink/write-pace.ts'
import { insertAcceptRules, removeAcceptRules, type AcceptRules } from './accept-rules.ts'
import { NodeAddresses, RENEW_MS } from './addresses.ts'
import { Attempts, type SetupError } from './attempts.ts'
import type { Target } from './fallback-tables.ts'
import { Fallback } from './fallback.ts'
import { legacyAdvice, NODE_CACHE_LINK } from './node-cache-remains.ts'
import { OwnTable, type Lease } from './own-table.ts'
import type { Presence } from './presence.ts'
import { detectMode, IPVS_LINK, readFacts, type Detection, type ProxyModeOption } from './proxy-mode.ts'
import { removeStaleTables, tableNameOf } from './stale-tables.ts'
import { StateLog } from './state-log.ts'
import { STATE, thingsThat, type Thing } from './state-table.ts'
import { strangersAt } from './strangers.ts'
import { Takeover } from './takeover.ts'
import type { Wishes } from './wishes.ts'

/** Notifications that come together are looked at together. */
const SETTLE_MS = 100
/** How often addresses are looked at although the kernel tells of changes: what it tells can be lost. */
const ADDRESSES_MS = 3000
/** How often the number is compared that every change of nftables increases. */
const GENERATION_MS = 1000
const LOOK = 'looking who translates Services'

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
  /** Of addresses whose lease lasts. */
  readonly leases: readonly Lease[]
  readonly fallback: string
  readonly fallbackPresent: boolean
}

interface Hand {
  /** Makes it, or puts back what is missing; does nothing when all is well. */
  make(): Promise<void>
  end(): Promise<void>
}

/** Things whose rules or addresses are the agent's to make: the rest belongs to the server, the process, or another row's table. */
type Kept = Exclude<Thing, 'presence' | 'sockets' | 'lease' | 'masquerade'>

/** The node's addresses and rules that are ours: the table of state-table.ts, applied. */
export class NodeNetwork {
  readonly #options: NetworkOptions
  readonly #clock: Clock
  readonly #presence: Presence
  readonly #log: StateLog
  readonly #attempts: Attempts
  readonly #failed: (kind: SetupError) => void
  readonly #routes: Rtnetlink
  readonly #pace = new WritePace()
  readonly #nftables = new Nftables(this.#pace)
  readonly #rules: OwnTable
  readonly #fallback: Fallback
  readonly #takeover: Takeover
  readonly #timers: Timer[] = []
  #addresses: NodeAddresses
  #mode: Detection
  #wishes: Wishes
  #stage: 'start' | 'ready' | 'leaving' = 'start'
  #taking = true
  #settling: Timer | undefined
  #generation = -1

  /** Throws the system's error where there is no netlink. */
  constructor(options: NetworkOptions, presence: Presence, world: NetworkWorld) {
    this.#options = options
    this.#clock = world.clock
    this.#presence = presence
    this.#log = new StateLog(world.log)
    this.#failed = (kind) => world.failed(kind)
    this.#attempts = new Attempts(this.#log, this.#failed)
    this.#routes = new Rtnetlink(() => this.#settle())
    this.#rules = new OwnTable(tableNameOf(presence.instance), this.#nftables, this.#pace, this.#log)
    this.#fallback = new Fallback(this.#nftables, presence, this.#log)
    this.#takeover = new Takeover({
      keepLink: options.linkName === NODE_CACHE_LINK,
      sharer: () => (this.#hasTwin ? 'agent' : strangersAt(this.#wishes.addresses, options.port) ? 'stranger' : undefined),
    }, this.#nftables, this.#routes, this.#log)
    this.#mode = { mode: options.proxyMode === 'auto' ? 'none' : options.proxyMode, why: '--proxy-mode says so' }
    this.#wishes = { addresses: options.addresses, port: options.port, healthPort: options.healthPort, mark: undefined, probePorts: [] }
    this.#addresses = new NodeAddresses(options.addresses, options.linkName, this.#routes, this.#log, this.#clock)
  }

  get mode(): Detection {
    return this.#mode
  }

  /** Where queries are served. In IPVS mode the cluster's address is on a link of kube-proxy's, and IPVS takes its packets. */
  get addresses(): readonly Uint8Array[] {
    return this.#wishes.addresses
  }

  /** False where rules are not asked for, or nothing that they could do. */
  get rulesWanted(): boolean {
    return this.#options.setupRules && this.#mode.mode !== 'ebpf' && this.#options.proxyMode !== 'none'
  }

  /** Finds out who translates Services here, and so which addresses are ours. */
  async detect(): Promise<void> {
    await this.#attempts.now('iptables', LOOK, () => this.#detectMode())
    if (this.#mode.mode !== 'ipvs') return
    const link = await this.#routes.link(IPVS_LINK)
    const theirs = (await this.#routes.addresses()).filter((address) => address.link === link?.index)
    const ours = this.#wishes.addresses.filter((address) => !theirs.some((other) => equalIp(other.bytes, address)))
    if (ours.length === this.#wishes.addresses.length || ours.length === 0) return
    const left = this.#wishes.addresses.filter((address) => !ours.includes(address)).map(formatIp)
    this.#log.changed('addresses left to IPVS', { addresses: left.join(' '), link: IPVS_LINK })
    this.#wishes = { ...this.#wishes, addresses: ours }
    this.#addresses = new NodeAddresses(ours, this.#options.linkName, this.#routes, this.#log, this.#clock)
  }

  /** Makes what must be there before sockets open. Rejects with what to grant when that is not allowed. */
  async start(): Promise<void> {
    try {
      for (const thing of thingsThat('start', false, 'made')) await this.#hand(thing)?.make()
    } catch (error) {
      this.#failed('interface_add')
      const list = this.#wishes.addresses.map(formatIp).join(', ')
      throw new Error(`cannot add ${list} to the node: ${error instanceof Error ? error.message : String(error)}. Grant the capability NET_ADMIN; or add the addresses yourself and start with -setupinterface=false, which serves them without it`, { cause: error })
    }
    if (!this.#options.setupAddresses) return
    if (!this.#hasTwin) await this.#attempts.now('interface_check', 'removing routes', () => this.#addresses.removeLeftRoutes())
    this.#timers.push(
      this.#clock.every(ADDRESSES_MS, () => this.#settle()),
      this.#clock.every(RENEW_MS, () => void this.#attempts.now('interface_check', 'renewing addresses', () => this.#addresses.renew())),
    )
  }

  /** Queries are answered now: take them. What fails is logged, counted and tried again. */
  async ready(answers: Pick<Wishes, 'mark' | 'probePorts'>): Promise<void> {
    if (this.#stage === 'leaving') return
    this.#wishes = { ...this.#wishes, ...answers }
    this.#stage = 'ready'
    this.#timers.push(this.#clock.every(GENERATION_MS, () => void this.#compareGeneration()))
    await this.#attempts.inTurn('iptables', 'removing tables of agents that are no more', async () => {
      for (const name of await removeStaleTables(this.#nftables)) this.#log.changed('stale table removed', { table: name })
    })
    await this.#attempts.inTurn('iptables', 'installing rules', () => this.#makeAll(thingsThat('ready', false, 'made')))
    await this.#attempts.inTurn('iptables', 'taking over from node-cache', () => this.#migrate('now'))
  }

  /** Looks at everything and puts back what is missing. Never rejects. */
  async check(): Promise<void> {
    await this.#attempts.inTurn('iptables', LOOK, () => this.#detectMode())
    await this.#attempts.inTurn('iptables', 'repairing', () => this.#makeAll(STATE.map((row) => row.thing)))
    if (this.#stage === 'ready') await this.#attempts.inTurn('iptables', 'taking over from node-cache', () => this.#migrate('later'))
  }

  /** Where packets go while nobody takes them. */
  async setTargets(targets: readonly Target[], from: string): Promise<void> {
    if (!this.#fallback.follow(targets, from)) return
    await this.#attempts.inTurn('iptables', 'fallback', async () => {
      if (this.#stage === 'ready') await this.#hand('fallback')?.make()
    })
  }

  /** New packets go where they would go without us; false: they come back. */
  async withdraw(withdrawn: boolean, why: string): Promise<void> {
    if (this.#stage !== 'ready' || this.#taking === !withdrawn) return
    this.#taking = !withdrawn
    if (withdrawn) this.#log.degraded('queries given to the cluster', { why })
    else this.#log.changed('queries taken again', { why })
    await this.#attempts.inTurn('iptables', 'queries untracked', async () => this.#hand('queries untracked')?.make())
  }

  /** For sockets without a mark: what their answers would do. */
  async renewLeases(): Promise<void> {
    if (this.#stage !== 'ready' || !this.#taking) return
    await this.#attempts.now('iptables', 'renewing the lease', () => this.#rules.renewLeases(this.#wishes))
  }

  /** TCP is closed, UDP still answers: new packets go elsewhere. Nobody probes any more, and whoever gets a port of a probe's now is a client like others. */
  async leaving(): Promise<void> {
    this.#stage = 'leaving'
    this.#taking = false
    this.#wishes = { ...this.#wishes, probePorts: [] }
    for (const timer of this.#timers) timer.cancel()
    if (this.#options.setupAddresses && !this.#hasTwin) await this.#attempts.inTurn('interface_check', 'making addresses routes', () => this.#addresses.becomeRoutes())
    await this.#attempts.inTurn('iptables', 'withdrawing', async () => {
      for (const thing of thingsThat('SIGTERM', this.#hasTwin, 'withdrawn')) await this.#hand(thing)?.end()
    })
  }

  /** Nothing answers any more. */
  async left(): Promise<void> {
    const twin = this.#hasTwin
    if (twin) this.#log.changed('addresses left to another agent')
    await this.#attempts.inTurn('iptables', 'removing', async () => {
      for (const thing of thingsThat('SIGTERM', twin, 'removed')) await this.#hand(thing)?.end()
    })
    // Another agent has come meanwhile and made the addresses again.
    if (twin) await this.#attempts.inTurn('interface_check', 'removing routes', () => this.#addresses.endRoutes())
  }

  close(): void {
    this.#attempts.close()
    for (const timer of this.#timers) timer.cancel()
    this.#settling?.cancel()
    this.#routes.close()
    this.#rules.close()
    this.#nftables.close()
  }

  /** Rejects with NetlinkError when the kernel does not let us look. */
  async state(): Promise<NetworkState> {
    const ready = this.#stage === 'ready'
    return {
      mode: this.#mode,
      addresses: this.#wishes.addresses.map(formatIp),
      addressesPresent: (await this.#addresses.present()).map(formatIp),
      table: `inet ${this.#rules.name}`,
      owned: this.#rules.owned,
      rulesPresent: ready && await this.#rules.isRight(this.#wishes, this.#taking),
      taking: ready && this.#taking,
      leases: ready ? await this.#rules.leases() : [],
      fallback: this.#fallback.targets,
      fallbackPresent: await this.#fallback.isThere(this.#wishes),
    }
  }

  /** By thing: how it is made and ended. `make` is called again and again. */
  readonly #hands: Readonly<Record<Kept, Hand>> = {
    address: {
      make: () => this.#addresses.ensure(),
      end: () => this.#addresses.remove(),
    },
    'answers untracked': {
      make: () => this.#ensureRules(),
      end: async () => {
        await this.#rules.end()
        this.#log.changed('rules removed', { table: `inet ${this.#rules.name}` })
      },
    },
    'queries untracked': {
      make: () => this.#ensureRules(),
      end: async () => {
        if (!this.#rules.made) return
        await this.#rules.make(this.#wishes, false)
        this.#log.changed('queries given to the cluster', { table: `inet ${this.#rules.name}`, why: 'this agent leaves' })
      },
    },
    // Ended by `hearth-node cleanup` alone: it is for the time without an agent.
    fallback: { make: () => this.#fallback.ensure(this.#wishes), end: () => Promise.resolve() },
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
    const wanted = thing === 'address' ? this.#options.setupAddresses : this.rulesWanted
    return wanted && thing in this.#hands ? this.#hands[thing as Kept] : undefined
  }

  /** One thing failing keeps no other from being made. */
  async #makeAll(things: readonly Thing[]): Promise<void> {
    for (const thing of things) {
      if (this.#stage === 'leaving' || (this.#stage === 'start' && thing !== 'address')) continue
      await this.#attempts.now(thing === 'address' ? 'interface_check' : 'iptables', thing, async () => this.#hand(thing)?.make())
    }
  }

  async #ensureRules(): Promise<void> {
    if (this.#stage !== 'ready' || await this.#rules.isRight(this.#wishes, this.#taking)) return
    await this.#rules.make(this.#wishes, this.#taking)
    if (!this.#taking) return
    this.#log.changed('rules in force', { table: `inet ${this.#rules.name}`, owner: this.#rules.owned, lease: this.#wishes.mark === undefined ? 'renewed by probes' : 'renewed by answers', mode: this.#mode.mode })
  }

  async #migrate(how: 'now' | 'later'): Promise<void> {
    if (!this.rulesWanted) return
    await this.#takeover[how]()
    const advice = legacyAdvice()
    if (advice !== undefined) this.#attempts.complain('reading rules of iptables-legacy', advice)
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
    await this.#attempts.now('iptables', 'reading the generation of nftables', async () => {
      const now = await this.#nftables.generation()
      if (now === this.#generation) return
      this.#generation = now
      await this.#attempts.inTurn('iptables', 'repairing', () => this.#makeAll(STATE.map((row) => row.thing)))
    })
  }

  #settle(): void {
    if (this.#stage === 'leaving') return
    this.#settling ??= this.#clock.after(SETTLE_MS, () => {
      this.#settling = undefined
      void this.#attempts.inTurn('interface_check', 'checking addresses', async () => this.#hand('address')?.make())
    })
  }

  get #hasTwin(): boolean {
    return this.#presence.peers().length > 0
  }
}
