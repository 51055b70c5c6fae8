import { parseIp } from '../base/ip.ts'
import type { Libc } from './libc.ts'
import { AF, SOCKET_ADDRESS_BYTES, decodeSocketAddress, encodeSocketAddress } from './socket-address.ts'
import { OPTION, PATH_MTU, setOption, setReceiveTimeout } from './socket-options.ts'
import { SystemCallError } from './system-call-error.ts'

const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000

export interface UdpSocketOptions {
  /** An IPv6 wildcard socket that takes IPv4 as well. */
  readonly bothFamilies: boolean
  /** As far as net.core.rmem_max allows. */
  readonly receiveBufferBytes: number
  /** A read gives up after this long, so that its thread can look around; 0 for never. */
  readonly receiveTimeoutMs: number
  /** Each packet comes with the address that it was sent to, and a reply can choose where it comes from. */
  readonly packetInfo: boolean
  readonly scope?: number
}

/** A blocking UDP socket with SO_REUSEPORT, bound to an address of 4 or 16 octets. Throws SystemCallError. */
export function openUdpSocket(libc: Libc, address: Uint8Array, port: number, options: UdpSocketOptions): number {
  const v6 = address.length === 16
  const fd = libc.socket(v6 ? AF.INET6 : AF.INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) throw new SystemCallError(libc, 'socket')
  try {
    setOption(libc, fd, OPTION.REUSEADDR, 1)
    setOption(libc, fd, OPTION.REUSEPORT, 1)
    if (v6) setOption(libc, fd, OPTION.IPV6_V6ONLY, options.bothFamilies ? 0 : 1)
    // Of what an IPv6 socket sends to IPv4 clients as well.
    setOption(libc, fd, OPTION.IP_MTU_DISCOVER, PATH_MTU.KEEP_WHOLE)
    setOption(libc, fd, OPTION.RCVBUF, options.receiveBufferBytes)
    setReceiveTimeout(libc, fd, options.receiveTimeoutMs)
    if (options.packetInfo) setOption(libc, fd, v6 ? OPTION.IPV6_RECVPKTINFO : OPTION.IP_PKTINFO, 1)
    const name = encodeSocketAddress(address, port, options.scope)
    if (libc.bind(fd, name, name.length) < 0) throw new SystemCallError(libc, 'bind')
    return fd
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

/** What a socket is bound to: the port that the kernel chose for port 0. Throws SystemCallError. */
export function boundAddress(libc: Libc, fd: number): { readonly address: Uint8Array; readonly port: number } {
  const name = Buffer.alloc(SOCKET_ADDRESS_BYTES)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(name.length)
  if (libc.getsockname(fd, name, length) < 0) throw new SystemCallError(libc, 'getsockname')
  return decodeSocketAddress(name)
}

const POLLIN = 1

/** True when a datagram waits in the socket. Never waits itself. */
export function isReadable(libc: Libc, fd: number): boolean {
  const poll = libc.allocate(8)
  try {
    poll.words[0] = fd
    poll.words[1] = POLLIN
    return libc.poll(poll.base, 1, 0) > 0
  } finally {
    libc.free(poll)
  }
}

/** Nobody listens there. */
const NOWHERE_PORT = 1

/**
 * A UDP socket that is connected to where nobody is gets no new packets, keeps those that it has, and can still send to anyone
 * (Linux 5.4). Does nothing for wildcard and scoped addresses: connecting would choose one to send from. False when it cannot.
 */
export function turnAway(libc: Libc, fd: number, address: string): boolean {
  const bytes = parseIp(address)
  if (bytes === undefined || bytes.every((octet) => octet === 0)) return false
  const name = encodeSocketAddress(bytes, NOWHERE_PORT)
  return libc.connect(fd, name, name.length) === 0
}
