import type { Host } from '../core/env.ts'
import type { Group } from './group.ts'
import type { Listener, ListenerWorld, Target } from './listener.ts'
import { portTaken } from './port-holder.ts'
import { openHttps } from './https.ts'
import type { ServedScheme } from './plan.ts'
import type { ServerTls } from './server-tls.ts'
import { openTcp } from './tcp.ts'
import { openTls } from './tls.ts'
import type { UdpEngine } from './udp-engine.ts'
import type { Timeouts } from '../core/settings.ts'

/** Addresses of the machine that get a UDP socket of their own beside the wildcard one; hosts with IPVS can have thousands. */
const OWN_SOCKETS_LIMIT = 64

/** A group and where it wants to be reached. */
export interface Wanted {
  readonly scheme: ServedScheme
  /** '' for every address. */
  readonly address: string
  readonly port: number
  readonly group: Group
  readonly timeouts: Timeouts
  /** Read when the generation starts; undefined where nothing speaks TLS. */
  tls: ServerTls | undefined
  readonly httpsConnections: number
}

interface Spec {
  readonly protocol: 'udp' | 'tcp' | 'tls' | 'https'
  readonly address: string
  /** The wildcard socket serves the address as well, so a failure here is no failure. */
  readonly optional: boolean
}

interface Open {
  readonly listener: Listener
  readonly target: Target
}

/**
 * All DNS sockets of the process, by protocol, address and port. A change of configuration opens what is new, points what stays at
 * the new groups and drains what is gone, in that order, so that no port is ever without a socket.
 */
export class Sockets {
  readonly #open = new Map<string, Open>()
  readonly #world: ListenerWorld
  readonly #host: Host
  readonly #engine: UdpEngine

  constructor(world: ListenerWorld, host: Host, engine: UdpEngine) {
    this.#world = world
    this.#host = host
    this.#engine = engine
  }

  /** Addresses and ports in use for plain DNS. */
  places(): { address: string; port: number }[] {
    return [...this.#open].filter(([id]) => /^(udp|tcp)\|/.test(id)).map(([, open]) => open).map(({ listener }) => ({ address: listener.address, port: listener.port }))
  }

  /** Opens what `wanted` needs and this does not have. Rejects with nothing changed; the result makes the change take effect. */
  async prepare(wanted: readonly Wanted[]): Promise<() => Promise<void>> {
    const added = new Map<string, Open>()
    const next = new Map<string, { open: Open; want: Wanted }>()
    try {
      for (const want of wanted) {
        for (const spec of this.#specs(want)) {
          const id = idOf(spec, want)
          const open = this.#open.get(id) ?? added.get(id) ?? await this.#listen(spec, want)
          if (open === undefined) continue
          if (!this.#open.has(id)) added.set(id, open)
          next.set(id, { open, want })
        }
      }
    } catch (error) {
      await Promise.all([...added.values()].map(({ listener }) => listener.drain(0)))
      throw error
    }
    return () => this.#swap(next)
  }

  /**
   * Ends all sockets: connections first, with their answers, then `between`, which sends new packets elsewhere, then the sockets
   * themselves, which have answered what came meanwhile.
   */
  async drain(graceMs: number, between: () => Promise<void>): Promise<void> {
    const listeners = [...this.#open.values()].map(({ listener }) => listener)
    await Promise.all(listeners.map((listener) => listener.release?.(graceMs)))
    await between()
    await Promise.all(listeners.map((listener) => listener.drain(graceMs)))
    this.#open.clear()
  }

  /** No other process shares the ports. */
  alone(): void {
    for (const { listener } of this.#open.values()) listener.alone?.()
  }

  async #swap(next: ReadonlyMap<string, { open: Open; want: Wanted }>): Promise<void> {
    const leaving = [...this.#open].filter(([id]) => !next.has(id)).map(([, open]) => open)
    this.#open.clear()
    for (const [id, { open, want }] of next) {
      Object.assign(open.target, targetOf(want))
      open.listener.retargeted?.()
      this.#open.set(id, open)
    }
    await Promise.all(leaving.map(({ listener }) => listener.drain(5000)))
  }

  /**
   * Where the engine cannot tell which address of a wildcard socket was asked, replies could leave from another one. Each address
   * of the machine then has a socket of its own; the wildcard one catches the rest.
   */
  #specs(want: Wanted): Spec[] {
    if (want.scheme !== 'dns') return [{ protocol: want.scheme, address: want.address === '' ? this.#wildcard() : want.address, optional: false }]
    if (want.address !== '') {
      return [{ protocol: 'udp', address: want.address, optional: false }, { protocol: 'tcp', address: want.address, optional: false }]
    }
    const all = this.#host.addresses()
    const wildcard = this.#wildcard()
    const own = this.#engine.knowsAddressAsked ? [] : all.filter((entry) => !entry.address.startsWith('fe80:')).slice(0, OWN_SOCKETS_LIMIT)
    return [
      { protocol: 'udp', address: wildcard, optional: false },
      { protocol: 'tcp', address: wildcard, optional: false },
      ...own.map((entry) => ({ protocol: 'udp' as const, address: entry.address, optional: true })),
    ]
  }

  #wildcard(): string {
    return this.#host.addresses().some((entry) => entry.address.includes(':')) ? '::' : '0.0.0.0'
  }

  async #listen(spec: Spec, want: Wanted): Promise<Open | undefined> {
    const target = targetOf(want)
    try {
      const listener = spec.protocol === 'udp'
        ? await this.#engine.open(spec.address, want.port, target, want.address === '' ? '::' : spec.address)
        : await openStream(spec, want, target, this.#world)
      return { listener, target }
    } catch (error) {
      if (spec.optional) {
        this.#world.log.debug(`no socket of its own for ${spec.address}: ${String(error)}`)
        return undefined
      }
      throw portTaken(error, spec.protocol === 'udp' ? 'udp' : 'tcp', spec.address, want.port, want.scheme === 'dns' ? 'with -dns.port' : 'in its key')
    }
  }
}

/** A listener whose clients show certificates otherwise is another one, so that no connection is treated by rules that are not its own. */
function idOf(spec: Spec, want: Wanted): string {
  const secrecy = spec.protocol === 'tls' || spec.protocol === 'https' ? `|${want.tls?.clientAuth ?? 'plain'}` : ''
  return `${spec.protocol}|${spec.address}|${want.port}${secrecy}`
}

function targetOf({ group, timeouts, tls, httpsConnections }: Wanted): Target {
  return { group, timeouts, tls, httpsConnections }
}

/** `tls://` without a certificate is plain TCP, and `https://` plain HTTP, as CoreDNS has it: for those behind a proxy. */
function openStream({ protocol, address }: Spec, { port, tls }: Wanted, target: Target, world: ListenerWorld): Promise<Listener> {
  if (protocol === 'https') return openHttps(address, port, target, tls, world)
  return protocol === 'tls' && tls !== undefined ? openTls(address, port, target, tls, world) : openTcp(address, port, target, world)
}
