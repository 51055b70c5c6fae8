import { formatIp } from '../base/ip.ts'
import { attribute, findAttribute, nested, readAttributes, readText, textAttribute, uint32Attribute } from './attributes.ts'
import { FLAG, NetlinkError, NetlinkSocket, PROTOCOL, type Message } from './socket.ts'

/** Links, addresses and routes (linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h). */

const MSG = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, NEWADDR: 20, DELADDR: 21, GETADDR: 22, NEWROUTE: 24, DELROUTE: 25, GETROUTE: 26 } as const
const IFLA = { IFNAME: 3, LINKINFO: 18, NET_NS_PID: 19, INFO_KIND: 1, INFO_DATA: 2, VETH_PEER: 1 } as const
const IFA = { ADDRESS: 1, LOCAL: 2, CACHEINFO: 6, FLAGS: 8 } as const
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7 } as const
const IFF_UP = 1
const SCOPE = { UNIVERSE: 0, HOST: 254 } as const
/** No duplicate address detection: the address can be used at once. */
const IFA_F_NODAD = 2
const FOREVER = 0xffffffff
/** Multicast groups: links and addresses that come and go. */
export const GROUP = { LINK: 1, IPV4_ADDRESS: 5, IPV6_ADDRESS: 9 } as const

export interface Link {
  readonly index: number
  readonly name: string
  readonly up: boolean
}

export interface Address {
  readonly link: number
  /** 4 or 16 octets. */
  readonly bytes: Uint8Array
  readonly bits: number
  /** Removed by the kernel after so many seconds unless added again; undefined for never. */
  readonly lifetimeSeconds?: number
}

/** What to add. */
export interface NewAddress extends Address {
  /** Not to be used as the source of other traffic. */
  readonly host: boolean
}

/** Delivers what comes for `destination` to this host, without its being an address of it. */
export interface LocalRoute {
  /** 4 or 16 octets. */
  readonly destination: Uint8Array
  readonly link: number
  /** From where this host itself asks `destination`. */
  readonly source: Uint8Array
}

/** RT_TABLE_LOCAL, RTN_LOCAL, and a protocol that is nobody else's (`ip route` shows `proto 83`), so that what was left behind is known. */
const LOCAL_ROUTE = { table: 255, protocol: 83, type: 2 } as const
/** Behind the route that the kernel makes for an address of its own. */
const LOCAL_ROUTE_METRIC = 1024

export class Rtnetlink {
  readonly #socket: NetlinkSocket

  /** `changed`: links or addresses came or went. Who must know all looks now and then besides. */
  constructor(changed?: () => void) {
    this.#socket = changed === undefined
      ? new NetlinkSocket(PROTOCOL.ROUTE)
      : new NetlinkSocket(PROTOCOL.ROUTE, { groups: Object.values(GROUP), notify: changed })
  }

  close(): void {
    this.#socket.close()
  }

  async links(): Promise<Link[]> {
    const replies = await this.#socket.request('list links', { type: MSG.GETLINK, flags: FLAG.DUMP, body: linkHeader(0, 0, 0) })
    return replies.filter((reply) => reply.type === MSG.NEWLINK).map(readLink)
  }

  async link(name: string): Promise<Link | undefined> {
    return (await this.links()).find((link) => link.name === name)
  }

  /** Kinds such as `dummy`. Rejects with NetlinkError EOPNOTSUPP where the kernel does not have it. */
  async addLink(name: string, kind: string): Promise<void> {
    await this.#ack(`add link ${name}`, MSG.NEWLINK, FLAG.CREATE | FLAG.EXCL, linkHeader(0, 0, 0), [textAttribute(IFLA.IFNAME, name), nested(IFLA.LINKINFO, textAttribute(IFLA.INFO_KIND, kind))])
  }

  /** A pair of links; the other end is put into the network namespace of a process. */
  async addVeth(name: string, peer: { readonly name: string; readonly pid: number }): Promise<void> {
    const other = Buffer.concat([linkHeader(0, 0, 0), textAttribute(IFLA.IFNAME, peer.name), uint32Attribute(IFLA.NET_NS_PID, peer.pid)])
    const info = nested(IFLA.LINKINFO, textAttribute(IFLA.INFO_KIND, 'veth'), nested(IFLA.INFO_DATA, attribute(IFLA.VETH_PEER, other)))
    await this.#ack(`add veth ${name}`, MSG.NEWLINK, FLAG.CREATE | FLAG.EXCL, linkHeader(0, 0, 0), [textAttribute(IFLA.IFNAME, name), info])
  }

  async setUp(index: number): Promise<void> {
    await this.#ack(`set link ${index} up`, MSG.NEWLINK, 0, linkHeader(index, IFF_UP, IFF_UP), [])
  }

  async removeLink(index: number): Promise<void> {
    await this.#ack(`remove link ${index}`, MSG.DELLINK, 0, linkHeader(index, 0, 0), [])
  }

  async addresses(): Promise<Address[]> {
    const replies = await this.#socket.request('list addresses', { type: MSG.GETADDR, flags: FLAG.DUMP, body: Buffer.alloc(8) })
    return replies.filter((reply) => reply.type === MSG.NEWADDR).flatMap(readAddress)
  }

  /** Adds it, or renews its lifetime. */
  async addAddress(address: NewAddress): Promise<void> {
    const { bytes, lifetimeSeconds } = address
    const attributes = [attribute(IFA.LOCAL, bytes), attribute(IFA.ADDRESS, bytes)]
    if (bytes.length === 16) attributes.push(uint32Attribute(IFA.FLAGS, IFA_F_NODAD))
    if (lifetimeSeconds !== undefined || (bytes.length === 16 && address.host)) {
      const cache = Buffer.alloc(16)
      // A preferred lifetime of 0 keeps an IPv6 address from being chosen as source.
      cache.writeUInt32LE(bytes.length === 16 && address.host ? 0 : lifetimeSeconds ?? FOREVER, 0)
      cache.writeUInt32LE(lifetimeSeconds ?? FOREVER, 4)
      attributes.push(attribute(IFA.CACHEINFO, cache))
    }
    await this.#ack(`add address ${formatIp(bytes)}`, MSG.NEWADDR, FLAG.CREATE | FLAG.REPLACE, addressHeader(address, address.host ? SCOPE.HOST : SCOPE.UNIVERSE), attributes)
  }

  /** One that is not there is no error. */
  async removeAddress(address: Address): Promise<void> {
    try {
      await this.#ack(`remove address ${formatIp(address.bytes)}`, MSG.DELADDR, 0, addressHeader(address, 0), [attribute(IFA.LOCAL, address.bytes), attribute(IFA.ADDRESS, address.bytes)])
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'EADDRNOTAVAIL') throw error
    }
  }

  /** `destination` undefined is the default route. */
  async addRoute(route: { readonly destination?: Address; readonly gateway: Uint8Array }): Promise<void> {
    const { destination, gateway } = route
    const header = Buffer.alloc(12)
    header[0] = gateway.length === 4 ? 2 : 10
    header[1] = destination?.bits ?? 0
    header[4] = 254
    header[5] = 4
    header[7] = 1
    const attributes = [attribute(RTA.GATEWAY, gateway)]
    if (destination !== undefined) attributes.push(attribute(RTA.DST, destination.bytes))
    await this.#ack(`add route via ${formatIp(gateway)}`, MSG.NEWROUTE, FLAG.CREATE | FLAG.REPLACE, header, attributes)
  }

  async addLocalRoute(route: LocalRoute): Promise<void> {
    await this.#ack(`add local route ${formatIp(route.destination)}`, MSG.NEWROUTE, FLAG.CREATE | FLAG.REPLACE, localRouteHeader(route), localRouteAttributes(route))
  }

  /** One that is not there is no error. */
  async removeLocalRoute(route: Pick<LocalRoute, 'destination'>): Promise<void> {
    try {
      await this.#ack(`remove local route ${formatIp(route.destination)}`, MSG.DELROUTE, 0, localRouteHeader(route), [attribute(RTA.DST, route.destination), uint32Attribute(RTA.PRIORITY, LOCAL_ROUTE_METRIC)])
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'ESRCH') throw error
    }
  }

  /** Destinations of local routes that were added here, by this process or another. */
  async localRoutes(): Promise<Uint8Array[]> {
    const replies = await this.#socket.request('list routes', { type: MSG.GETROUTE, flags: FLAG.DUMP, body: Buffer.alloc(12) })
    return replies.filter((reply) => reply.type === MSG.NEWROUTE).flatMap(readLocalRoute)
  }

  async #ack(what: string, type: number, flags: number, header: Buffer, attributes: readonly Buffer[]): Promise<void> {
    await this.#socket.request(what, { type, flags: flags | FLAG.ACK, body: Buffer.concat([header, ...attributes]) })
  }
}

function linkHeader(index: number, flags: number, change: number): Buffer {
  const header = Buffer.alloc(16)
  header.writeInt32LE(index, 4)
  header.writeUInt32LE(flags, 8)
  header.writeUInt32LE(change, 12)
  return header
}

function addressHeader(address: Address, scope: number): Buffer {
  const header = Buffer.alloc(8)
  header[0] = address.bytes.length === 4 ? 2 : 10
  header[1] = address.bits
  header[3] = scope
  header.writeUInt32LE(address.link, 4)
  return header
}

function readLocalRoute(message: Message): Uint8Array[] {
  const body = Buffer.from(message.body)
  const destination = findAttribute(readAttributes(body.subarray(12)), RTA.DST)
  const ours = body[4] === LOCAL_ROUTE.table && body[5] === LOCAL_ROUTE.protocol && body[7] === LOCAL_ROUTE.type
  return ours && destination !== undefined ? [Uint8Array.from(destination)] : []
}

function localRouteHeader({ destination }: Pick<LocalRoute, 'destination'>): Buffer {
  const header = Buffer.alloc(12)
  header[0] = destination.length === 4 ? 2 : 10
  header[1] = destination.length * 8
  header[4] = LOCAL_ROUTE.table
  header[5] = LOCAL_ROUTE.protocol
  header[6] = destination.length === 4 ? SCOPE.HOST : SCOPE.UNIVERSE
  header[7] = LOCAL_ROUTE.type
  return header
}

function localRouteAttributes({ destination, link, source }: LocalRoute): Buffer[] {
  return [attribute(RTA.DST, destination), uint32Attribute(RTA.OIF, link), uint32Attribute(RTA.PRIORITY, LOCAL_ROUTE_METRIC), attribute(RTA.PREFSRC, source)]
}

function readLink(message: Message): Link {
  const body = Buffer.from(message.body)
  const name = readText(findAttribute(readAttributes(body.subarray(16)), IFLA.IFNAME))
  return { index: body.readInt32LE(4), name, up: (body.readUInt32LE(8) & IFF_UP) !== 0 }
}

function readAddress(message: Message): Address[] {
  const body = Buffer.from(message.body)
  const attributes = readAttributes(body.subarray(8))
  const bytes = findAttribute(attributes, IFA.LOCAL) ?? findAttribute(attributes, IFA.ADDRESS)
  if (bytes === undefined) return []
  const valid = findAttribute(attributes, IFA.CACHEINFO)?.readUInt32LE(4) ?? FOREVER
  return [{ link: body.readUInt32LE(4), bits: body[1]!, bytes: Uint8Array.from(bytes), ...(valid === FOREVER ? {} : { lifetimeSeconds: valid }) }]
}
