import type { Timer } from '../base/clock.ts'
import { formatIp } from '../base/ip.ts'
import type { Files } from '../core/env.ts'
import type { Protocol } from '../core/query.ts'
import { CLASS, RCODE, TYPE } from '../wire/codes.ts'
import { Message } from '../wire/message.ts'
import { equalNames, type Name } from '../wire/name.ts'
import { isAddress, targetOf } from '../wire/rdata.ts'
import { resolveTarget, type Target } from './address.ts'
import { endpointKey, type Endpoint, type UpstreamWorld } from './endpoint.ts'
import type { Upstream } from './upstream.ts'

/** How often files are looked at, and names asked for. A change is followed within five seconds. */
const FOLLOW_MS = 2000
/** How long upstreams that are no longer wanted may finish what they were asked. */
const RETIRE_MS = 6000
const ASK_TIMEOUT_MS = 1500
/** Addresses taken from one name. */
const ADDRESSES = 256

/** Where a forward's upstreams come from. */
export interface RosterSettings {
  readonly targets: readonly Target[]
  /** Names whose addresses are asked of the upstreams themselves and preferred to them, the first name most of all. */
  readonly names: readonly EndpointName[]
  readonly resolvers: readonly string[]
  readonly protocol: Protocol
}

/** `kube-dns-endpoints.kube-system.svc.cluster.local[:53]`. */
export interface EndpointName {
  readonly name: Name
  readonly port: number
}

export interface RosterWorld extends Omit<UpstreamWorld, 'streams'> {
  readonly files: Files
  /** Addresses that this server answers at itself, with ports: to forward to those would go round. */
  own(): readonly { readonly address: string; readonly port: number }[]
  makeUpstream(endpoint: Endpoint): Upstream
}

/**
 * The upstreams of one forward, kept true while files, names and Services change. Those in force are in tiers: a later tier is
 * for when the earlier ones are down or have more to do than they can.
 */
export class Roster {
  readonly #settings: RosterSettings
  readonly #world: RosterWorld
  /** By `endpointKey`: an endpoint that stays keeps its connections and what is known of it. */
  #upstreams = new Map<string, Upstream>()
  readonly #retiring = new Set<Upstream>()
  /** Endpoints of each name, then those of the targets. */
  readonly #found: (readonly Endpoint[])[]
  #tiers: readonly (readonly Upstream[])[] = []
  #timer: Timer | undefined
  #stopped = false
  #complaint = ''

  constructor(settings: RosterSettings, world: RosterWorld) {
    this.#settings = settings
    this.#world = world
    this.#found = settings.names.map(() => [])
  }

  get tiers(): readonly (readonly Upstream[])[] {
    return this.#tiers
  }

  /** Rejects with Error where a target is wrong or there is none. */
  async start(): Promise<void> {
    const endpoints = await this.#resolve()
    if (endpoints.length === 0) throw new Error('no valid upstream addresses found')
    this.#found.push(endpoints)
    this.#apply()
    const { names, targets } = this.#settings
    if (names.length === 0 && targets.every((target) => target.kind === 'address')) return
    // The first time without waiting: until the names are known the targets do.
    void this.#follow(false)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    for (const upstream of [...this.#upstreams.values(), ...this.#retiring]) upstream.close()
  }

  async #follow(targetsToo: boolean): Promise<void> {
    try {
      if (targetsToo) await this.#followTargets()
      await Promise.all(this.#settings.names.map((name, i) => this.#followName(name, i)))
      this.#complaint = ''
    } catch (error) {
      this.#complain(error instanceof Error ? error.message : String(error))
    }
    if (!this.#stopped) this.#timer = this.#world.clock.after(FOLLOW_MS, () => void this.#follow(true))
  }

  async #followTargets(): Promise<void> {
    const endpoints = (await this.#resolve()).filter((endpoint) => !this.#isOwn(endpoint))
    if (endpoints.length === 0) throw new Error('the new list of upstreams has no usable address, keeping the last good one')
    this.#set(this.#found.length - 1, endpoints)
  }

  async #resolve(): Promise<Endpoint[]> {
    const { targets, resolvers } = this.#settings
    const endpoints = (await Promise.all(targets.map((target) => resolveTarget(target, resolvers, this.#world.files)))).flat()
    return [...new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint])).values()]
  }

  /** A name that exists no more has no endpoints; one that cannot be asked for keeps those it had. */
  async #followName({ name, port }: EndpointName, at: number): Promise<void> {
    const asked = await Promise.all([TYPE.A, TYPE.AAAA].map((type) => this.#ask(name, type)))
    const known = asked.filter((reply) => reply !== undefined)
    if (known.length === 0) throw new Error(`no upstream tells the addresses of ${name}`)
    const addresses = known.flatMap((reply) => addressesIn(reply)).slice(0, ADDRESSES)
    if (known.length < asked.length && addresses.length === 0) return
    this.#set(at, addresses.map((address) => ({ address, port, transport: 'dns' as const })).filter((endpoint) => !this.#isOwn(endpoint)))
  }

  /** Of the upstreams in force, the first that says yes or no. */
  async #ask(name: Name, type: number): Promise<Message | undefined> {
    const request = new Message()
    request.rd = true
    request.questions = [{ name, type, class: CLASS.IN }]
    for (const upstream of this.#tiers.flat().filter((each) => !each.health.down).slice(0, 4)) {
      try {
        const reply = await upstream.exchange(request, this.#settings.protocol, ASK_TIMEOUT_MS)
        if (!reply.tc && (reply.rcode === RCODE.NOERROR || reply.rcode === RCODE.NXDOMAIN)) return reply
      } catch {
        // The next one may know; when none does, `followName` says so.
        upstream.health.check()
      }
    }
    return undefined
  }

  #set(at: number, endpoints: readonly Endpoint[]): void {
    const text = (list: readonly Endpoint[]) => list.map(endpointKey).sort().join(', ')
    if (text(endpoints) === text(this.#found[at]!) || this.#stopped) return
    this.#world.log.info(`upstreams${at < this.#settings.names.length ? ` at ${this.#settings.names[at]!.name}` : ''} are now ${text(endpoints) || 'none'}`)
    this.#found[at] = endpoints
    this.#apply()
  }

  /** Makes the upstreams what was found; each is in the first tier that names it. */
  #apply(): void {
    const wanted = new Map<string, Upstream>()
    const tiers = this.#found.map((endpoints) => endpoints.flatMap((endpoint) => {
      const key = endpointKey(endpoint)
      if (wanted.has(key)) return []
      const upstream = this.#upstreams.get(key) ?? this.#world.makeUpstream(endpoint)
      wanted.set(key, upstream)
      return [upstream]
    }))
    const old = [...this.#upstreams].flatMap(([key, upstream]) => (wanted.has(key) ? [] : [upstream]))
    this.#upstreams = wanted
    this.#tiers = tiers.filter((tier) => tier.length > 0)
    for (const upstream of old) this.#retire(upstream)
  }

  #retire(upstream: Upstream): void {
    this.#retiring.add(upstream)
    this.#world.clock.after(RETIRE_MS, () => {
      this.#retiring.delete(upstream)
      upstream.close()
    })
  }

  #isOwn(endpoint: Endpoint): boolean {
    return this.#world.own().some((own) => own.address === endpoint.address && own.port === endpoint.port)
  }

  #complain(text: string): void {
    if (text !== this.#complaint) this.#world.log.warning(text)
    this.#complaint = text
  }
}

/** Addresses of the name that was asked for, or of what it is an alias of; aliases stand before their targets. */
function addressesIn(reply: Message): string[] {
  let name = reply.questions[0]!.name
  const addresses: string[] = []
  for (const record of reply.answers) {
    if (!equalNames(record.name, name)) continue
    if (record.type === TYPE.CNAME) name = targetOf(TYPE.CNAME, record.rdata)!
    else if (isAddress(record.type)) addresses.push(formatIp(record.rdata))
  }
  return addresses
}
