import { sleep, type Clock } from '../base/clock.ts'
import { equalIp, formatIp } from '../base/ip.ts'
import { hasCode } from '../netlink/nftables.ts'
import type { Address, LocalRoute, Rtnetlink } from '../netlink/rtnetlink.ts'
import { ownSource } from './own-source.ts'
import type { StateLog } from './state-log.ts'
import { bytesOf } from './wishes.ts'

/** An address that nobody renews is gone after this; every agent of the node renews it. */
export const LIFETIME_S = 60
export const RENEW_MS = 15_000
/** How long answers are waited for that are on their way to one of our addresses. */
const LAST_ANSWERS_MS = 1000

/** Our addresses on the node, each with a lifetime. */
export class NodeAddresses {
  readonly #routes: Rtnetlink
  readonly #addresses: readonly Uint8Array[]
  readonly #linkName: string | undefined
  readonly #log: StateLog
  readonly #clock: Clock
  /** Of addresses that we have taken away. */
  readonly #asRoutes: LocalRoute[] = []
  #saidNoDummy = false

  /** `linkName`: a dummy link to put them on; undefined for `lo`. */
  constructor(addresses: readonly Uint8Array[], linkName: string | undefined, routes: Rtnetlink, log: StateLog, clock: Clock) {
    this.#addresses = addresses
    this.#linkName = linkName
    this.#routes = routes
    this.#log = log
    this.#clock = clock
  }

  /** Adds what is missing on the link. Rejects with NetlinkError. */
  async ensure(): Promise<void> {
    const link = await this.#link()
    const there = await this.#routes.addresses()
    for (const bytes of this.#addresses.filter((address) => !there.some((other) => other.link === link.index && equalIp(other.bytes, address)))) {
      await this.#put(bytes, link.index)
      this.#log.changed('address added', { address: formatIp(bytes), link: link.name, lifetimeSeconds: LIFETIME_S })
    }
  }

  /** Gives all of them their whole lifetime again. Rejects with NetlinkError. */
  async renew(): Promise<void> {
    const link = await this.#link()
    for (const bytes of this.#addresses) await this.#put(bytes, link.index)
  }

  /**
   * The node asks one of its own addresses from that very address, and what the cluster answers would find nobody there once it is gone. So
   * before queries go to the cluster, addresses become routes that take in what comes for them, and whatever the node asks from then on leaves
   * from its own address. One stays as it is where the node has no other of its family. Rejects with NetlinkError.
   */
  async becomeRoutes(): Promise<void> {
    const link = await this.#link()
    const lo = (await this.#routes.link('lo'))!
    for (const address of await this.#ours(link.index)) {
      const source = await ownSource(bytesOf(address.bytes), this.#addresses)
      if (source === undefined) continue
      const route = { destination: address.bytes, link: lo.index, source }
      await this.#routes.addLocalRoute(route)
      this.#asRoutes.push(route)
      await this.#take(address, link.name)
    }
  }

  /** Those that an agent has left behind which was killed while it left. Rejects with NetlinkError. */
  async removeLeftRoutes(): Promise<void> {
    for (const destination of await this.#routes.localRoutes()) {
      await this.#routes.removeLocalRoute({ destination })
      this.#log.changed('route of an earlier agent removed', { address: formatIp(destination) })
    }
  }

  /** What was asked from one of our addresses before is waited for. Rejects with NetlinkError. */
  async endRoutes(): Promise<void> {
    if (this.#asRoutes.length > 0) await sleep(this.#clock, LAST_ANSWERS_MS)
    for (const route of this.#asRoutes.splice(0)) await this.#routes.removeLocalRoute(route)
  }

  /** Takes them from the link that we put them on, and the link with them if it is one of ours. Rejects with NetlinkError. */
  async remove(): Promise<void> {
    await this.endRoutes()
    const link = await this.#link()
    for (const address of await this.#ours(link.index)) await this.#take(address, link.name)
    if (link.name === 'lo') return
    await this.#routes.removeLink(link.index)
    this.#log.changed('link removed', { link: link.name })
  }

  /** Which of our addresses the node has, on whichever link. */
  async present(): Promise<Uint8Array[]> {
    const there = await this.#routes.addresses()
    return this.#addresses.filter((address) => there.some((other) => equalIp(other.bytes, address)))
  }

  async #take(address: Address, link: string): Promise<void> {
    await this.#routes.removeAddress(address)
    this.#log.changed('address removed', { address: formatIp(address.bytes), link })
  }

  async #ours(link: number): Promise<Address[]> {
    return (await this.#routes.addresses()).filter((there) => there.link === link && this.#addresses.some((address) => equalIp(there.bytes, address)))
  }

  #put(bytes: Uint8Array, link: number): Promise<void> {
    return this.#routes.addAddress({ link, bytes, bits: bytes.length * 8, host: true, lifetimeSeconds: LIFETIME_S })
  }

  /** The link that carries the addresses; `lo` where the kernel has no dummy links. */
  async #link(): Promise<{ readonly index: number; readonly name: string }> {
    const named = this.#linkName === undefined ? undefined : await this.#dummy(this.#linkName)
    const link = named ?? (await this.#routes.link('lo'))!
    if (!link.up) await this.#routes.setUp(link.index)
    return link
  }

  async #dummy(name: string) {
    const known = await this.#routes.link(name)
    if (known !== undefined) return known
    try {
      await this.#routes.addLink(name, 'dummy')
      return await this.#routes.link(name)
    } catch (error) {
      if (!hasCode(error, 'EOPNOTSUPP')) throw error
      this.#sayNoDummy(name)
      return undefined
    }
  }

  #sayNoDummy(name: string): void {
    if (this.#saidNoDummy) return
    this.#saidNoDummy = true
    this.#log.degraded('no dummy links', {
      why: 'this kernel does not know them, or has not loaded the module dummy', effect: `the addresses are on lo instead of ${name}; DNS is the same`,
      remedy: 'run "modprobe dummy" on the node, or start without -interfacename',
    })
  }
}
