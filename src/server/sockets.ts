import type { Host } from '../core/env.ts'
import type { Group } from './group.ts'
import type { Listener, ListenerWorld, Target } from './listener.ts'
import { portTaken } from './port-holder.ts'
import { openTcp } from './tcp.ts'
import type { UdpEngine } from './udp-engine.ts'
import type { Timeouts } from '../core/settings.ts'

/** Addresses of the machine that get a UDP socket of their own beside the wildcard one; hosts with IPVS can have thousands. */
const OWN_SOCKETS_LIMIT = 64

/** A group and where it wants to be reached. */
export interface Wanted {
  /** '' for every address. */
  readonly address: string
  readonly port: number
  readonly group: Group
  readonly timeouts: Timeouts
}

interface Spec {
  readonly protocol: 'udp' | 'tcp'
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

  /** Addresses and ports in use. */
  places(): { address: string; port: number }[] {
    return [...this.#open.values()].map(({ listener }) => ({ address: listener.address, port: listener.port }))
  }

  /** Opens what `wanted` needs and this does not have. Rejects with nothing changed; the result makes the change take effect. */
  async prepare(wanted: readonly Wanted[]): Promise<() => Promise<void>> {
    const added = new Map<string, Open>()
    const next = new Map<string, { open: Open; want: Wanted }>()
    try {
      for (const want of wanted) {
        for (const spec of this.#specs(want)) {
          const id = `${spec.protocol}|${spec.address}|${want.port}`
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
      open.target.group = want.group
      open.target.timeouts = want.timeouts
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
    if (want.address !== '') {
      return [{ protocol: 'udp', address: want.address, optional: false }, { protocol: 'tcp', address: want.address, optional: false }]
    }
    const all = this.#host.addresses()
    const wildcard = all.some((entry) => entry.address.includes(':')) ? '::' : '0.0.0.0'
    const own = this.#engine.knowsAddressAsked ? [] : all.filter((entry) => !entry.address.startsWith('fe80:')).slice(0, OWN_SOCKETS_LIMIT)
    return [
      { protocol: 'udp', address: wildcard, optional: false },
      { protocol: 'tcp', address: wildcard, optional: false },
      ...own.map((entry) => ({ protocol: 'udp' as const, address: entry.address, optional: true })),
    ]
  }

  async #listen(spec: Spec, want: Wanted): Promise<Open | undefined> {
    const target: Target = { group: want.group, timeouts: want.timeouts }
    try {
      const listener = spec.protocol === 'udp'
        ? await this.#engine.open(spec.address, want.port, target, want.address === '' ? '::' : spec.address)
        : await openTcp(spec.address, want.port, target, this.#world)
      return { listener, target }
    } catch (error) {
      if (spec.optional) {
        this.#world.log.debug(`no socket of its own for ${spec.address}: ${String(error)}`)
        return undefined
      }
      throw portTaken(error, spec.protocol, spec.address, want.port, 'with -dns.port')
    }
  }
}
