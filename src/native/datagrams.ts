import { constants } from 'node:os'
import type { Libc } from './libc.ts'
import type { Memory } from './memory.ts'
import { OPTION, PATH_MTU, setOption } from './socket-options.ts'

/** struct mmsghdr, struct iovec, struct sockaddr_in6 (padded), and control data with one packet info of either family. */
const MMSG_BYTES = 64
const IOV_BYTES = 16
const NAME_BYTES = 32
const CONTROL_BYTES = 40
const HEADER = { NAME: 0, NAME_LENGTH: 8, IOV: 16, IOV_COUNT: 24, CONTROL: 32, CONTROL_LENGTH: 40, RECEIVED: 56 } as const
/** In control data: its header is 16 octets; the link's number stands first for IPv4 and after the address for IPv6. */
const LINK_WORD = { 4: 4, 6: 8 } as const
const SOL_IP = 0
const LINK_LOCAL = 0x80fe

/** What a datagram travels with: where it came from and, on sockets with packet info, where it was sent to. In words. */
export const ENVELOPE_WORDS = (NAME_BYTES + CONTROL_BYTES) / 4 + 2

/** A row of datagrams for recvmmsg and sendmmsg. Names and control data are copied in whole words. */
export class Datagrams {
  readonly count: number
  readonly memory: Memory
  readonly #dataBytes: number
  readonly #namesAt: number
  readonly #controlsAt: number
  readonly #iovsAt: number
  readonly #dataAt: number

  /** Room for `count` datagrams of `dataBytes` each, a multiple of eight. */
  constructor(libc: Libc, count: number, dataBytes: number) {
    this.count = count
    this.#dataBytes = dataBytes
    this.#iovsAt = count * MMSG_BYTES
    this.#namesAt = this.#iovsAt + count * IOV_BYTES
    this.#controlsAt = this.#namesAt + count * NAME_BYTES
    this.#dataAt = this.#controlsAt + count * CONTROL_BYTES
    this.memory = libc.allocate(this.#dataAt + count * dataBytes)
    // Data is left alone: pages that nothing is ever put into then take no memory.
    this.memory.bytes.fill(0, 0, this.#dataAt)
    for (let i = 0; i < count; i++) this.#link(i)
  }

  /** What the system calls take: where header `i` begins. */
  address(i: number): number {
    return this.memory.address(i * MMSG_BYTES)
  }

  /** Offset of the data of datagram `i` in `memory`. */
  data(i: number): number {
    return this.#dataAt + i * this.#dataBytes
  }

  /** Offset of the sockaddr of datagram `i` in `memory`. */
  name(i: number): number {
    return this.#namesAt + i * NAME_BYTES
  }

  /** Octets that recvmmsg has put into datagram `i`. */
  received(i: number): number {
    return this.memory.words[(i * MMSG_BYTES + HEADER.RECEIVED) >> 2]!
  }

  /** Makes header `i` ready to receive again: the kernel has shortened what it filled. */
  rearm(i: number): void {
    const header = (i * MMSG_BYTES) >> 2
    this.memory.words[header + (HEADER.NAME_LENGTH >> 2)] = NAME_BYTES
    this.memory.words[header + (HEADER.CONTROL_LENGTH >> 2)] = CONTROL_BYTES
  }

  /** How much of datagram `i` is sent. */
  setLength(i: number, length: number): void {
    this.memory.words[(this.#iovsAt + i * IOV_BYTES + 8) >> 2] = length
  }

  /** Addresses datagram `i` to where datagram `j` of `from` came from, and from where that was sent to. */
  replyTo(i: number, from: Datagrams, j: number): void {
    const { words } = this.memory
    const theirs = from.memory.words
    const [name, control, header] = [this.name(i) >> 2, this.#control(i), (i * MMSG_BYTES) >> 2]
    const [fromName, fromControl, fromHeader] = [from.name(j) >> 2, from.#control(j), (j * MMSG_BYTES) >> 2]
    for (let word = 0; word < NAME_BYTES / 4; word++) words[name + word] = theirs[fromName + word]!
    words[header + 2] = theirs[fromHeader + 2]!
    const length = theirs[fromHeader + 10]!
    words[header + 10] = length
    if (length === 0) return
    for (let word = 0; word < CONTROL_BYTES / 4; word++) words[control + word] = theirs[fromControl + word]!
    this.#freeRoute(i)
  }

  /** Writes what `readEnvelope` reads to `at` in words of another thread. */
  writeEnvelope(i: number, to: Int32Array, at: number): void {
    const { words } = this.memory
    const header = (i * MMSG_BYTES) >> 2
    to[at] = words[header + 2]!
    to[at + 1] = words[header + 10]!
    // Name and control data of different datagrams do not adjoin.
    for (let word = 0, from = this.name(i) >> 2; word < NAME_BYTES / 4; word++) to[at + 2 + word] = words[from + word]!
    for (let word = 0, from = this.#control(i); word < CONTROL_BYTES / 4; word++) to[at + 2 + NAME_BYTES / 4 + word] = words[from + word]!
  }

  /** Addresses datagram `i` to where the envelope came from. */
  readEnvelope(i: number, from: Int32Array, at: number): void {
    const { words } = this.memory
    const header = (i * MMSG_BYTES) >> 2
    words[header + 2] = from[at]!
    words[header + 10] = from[at + 1]!
    for (let word = 0, to = this.name(i) >> 2; word < NAME_BYTES / 4; word++) words[to + word] = from[at + 2 + word]!
    for (let word = 0, to = this.#control(i); word < CONTROL_BYTES / 4; word++) words[to + word] = from[at + 2 + NAME_BYTES / 4 + word]!
    if (from[at + 1] !== 0) this.#freeRoute(i)
  }

  #control(i: number): number {
    return (this.#controlsAt + i * CONTROL_BYTES) >> 2
  }

  /** The reply may leave by another link than the query came in by, but for link-local addresses, which mean something on one only. */
  #freeRoute(i: number): void {
    const { words } = this.memory
    const control = this.#control(i)
    if (words[control + 2] === SOL_IP) words[control + LINK_WORD[4]] = 0
    else if ((words[control + 4]! & 0xc0ff) !== LINK_LOCAL) words[control + LINK_WORD[6]] = 0
  }

  #link(i: number): void {
    const { memory } = this
    const header = i * MMSG_BYTES
    const iov = this.#iovsAt + i * IOV_BYTES
    memory.setLong(header + HEADER.NAME, memory.address(this.name(i)))
    memory.setLong(header + HEADER.IOV, memory.address(iov))
    memory.setLong(header + HEADER.IOV_COUNT, 1)
    memory.setLong(header + HEADER.CONTROL, memory.address(this.#controlsAt + i * CONTROL_BYTES))
    memory.setLong(iov, memory.address(this.data(i)))
    memory.setLong(iov + 8, this.#dataBytes)
    this.rearm(i)
  }
}

/**
 * Sends datagrams 0 to `count` of a row and gives the number that the kernel did not take: it stops at the first of those, and this
 * goes on behind it.
 */
export function sendAll(libc: Libc, fd: number, row: Datagrams, count: number, flags: number): number {
  let unsent = 0
  for (let at = 0; at < count;) {
    const sent = libc.sendmmsg(fd, row.address(at), count - at, flags)
    if (sent > 0) at += sent
    else if (!sendInFragments(libc, fd, row.address(at++), flags)) unsent++
  }
  return unsent
}

/** The socket keeps packets whole (`PATH_MTU`); what is too long for its way goes in fragments nevertheless. */
function sendInFragments(libc: Libc, fd: number, message: number, flags: number): boolean {
  if (libc.errno() !== constants.errno.EMSGSIZE) return false
  setOption(libc, fd, OPTION.IP_MTU_DISCOVER, PATH_MTU.FRAGMENT)
  const sent = libc.sendmmsg(fd, message, 1, flags)
  setOption(libc, fd, OPTION.IP_MTU_DISCOVER, PATH_MTU.KEEP_WHOLE)
  return sent > 0
}

export const MSG = { DONTWAIT: 0x40, WAITFORONE: 0x10000 } as const
