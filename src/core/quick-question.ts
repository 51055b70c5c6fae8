import { canonicalOption, EDNS } from '../wire/edns.ts'
import { CLASS, TYPE } from '../wire/codes.ts'
import { readName, type Name } from '../wire/name.ts'
import type { Peer, Protocol } from './query.ts'
import type { ServerInfo } from './server-info.ts'

const HEADER_BYTES = 12
const NAME_LIMIT = 255
const LABEL_LIMIT = 63
/** QR, opcode, AA, TC, RA, the reserved bit and the rcode: a plain query has none of them. */
const UNUSUAL_FLAGS = 0xfecf
const FLAG = { RD: 0x0100, AD: 0x0020, CD: 0x0010 } as const
const OPT_BYTES = 11
/** Options that come back as they are when no stage has made an OPT of its own (specification 2.4). */
const ECHOED = new Set<number>([EDNS.NSID, EDNS.EXPIRE, EDNS.COOKIE, EDNS.TCP_KEEPALIVE, EDNS.PADDING])

/** Each octet as it is in a name that is compared without regard to case. Length octets are below `A` and stay. */
const LOWER = Uint8Array.from({ length: 256 }, (_, octet) => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet))

const DOT = 0x2e
/** Octets that stand for themselves in the text form of a name (see src/wire/name.ts). */
const PLAIN = Uint8Array.from({ length: 256 }, (_, octet) => (octet > 0x20 && octet < 0x7f && !` '@;().,"\\`.replace(',', '').includes(String.fromCharCode(octet)) ? 1 : 0))

/**
 * A query as octets, read in place: one object per thread is used for all of them, so nothing of it may be kept beyond the query.
 * Holds only what is common: anything unusual is left to the ordinary way.
 */
export class QuickQuestion {
  /** Where the packet lies. Its name, letter case as the client has it, begins at `at` + 12. */
  packet: Uint8Array = new Uint8Array(0)
  at = 0
  length = 0
  /** The name in wire form and lower case, its final zero included, with zeros up to a whole word behind it. */
  readonly name: Uint8Array
  readonly nameWords: Int32Array
  nameLength = 0
  /** Offsets in `name` of the length octets of its labels, without the root's. */
  readonly labels = new Uint8Array(NAME_LIMIT)
  labelCount = 0
  type = 0
  class = 0
  rd = false
  ad = false
  cd = false
  /** An OPT came with it, version 0. */
  edns = false
  do = false
  /** As the client offers, or as a stage has lowered it; 0 without an OPT. */
  udpSize = 0
  /** EDNS options that the reply repeats: where in the packet, and how long. */
  optionsAt = 0
  optionsLength = 0

  protocol: Protocol = 'udp'
  /** 1 for IPv4, 2 for IPv6. */
  family: 1 | 2 = 1
  /** For those who look at clients one by one; packet workers leave it out. */
  client: Peer | undefined
  server: ServerInfo | undefined
  /** Monotonic milliseconds at arrival. */
  startMs = 0

  /** It has waited, and goes down for the second time: nobody answers it but who made it wait. */
  resumed = false
  /** A stage above takes the reply in: it asks with AD set, and keeps no OPT of whoever answers. */
  stored = false

  constructor() {
    const memory = new ArrayBuffer(NAME_LIMIT + 9)
    this.name = new Uint8Array(memory)
    this.nameWords = new Int32Array(memory)
  }

  /** Octets that a reply may have at most. */
  get limit(): number {
    return this.protocol === 'udp' ? Math.max(512, this.udpSize) : 65_535
  }

  /** Octets of header and question. */
  get questionEnd(): number {
    return HEADER_BYTES + this.nameLength + 4
  }

  /** Octets of the OPT that the reply gets. */
  get optLength(): number {
    return this.edns ? OPT_BYTES + this.optionsLength : 0
  }

  /** Reads the packet at `at`. False: it is not the common kind, the ordinary way decides about it. */
  read(packet: Uint8Array, at: number, length: number): boolean {
    const flags = (packet[at + 2]! << 8) | packet[at + 3]!
    if (length < HEADER_BYTES + 5 || (flags & UNUSUAL_FLAGS) !== 0) return false
    // One question, no answers, no authorities, at most one additional record.
    if (packet[at + 4] !== 0 || packet[at + 5] !== 1 || packet[at + 6] !== 0 || packet[at + 7] !== 0) return false
    if (packet[at + 8] !== 0 || packet[at + 9] !== 0 || packet[at + 10] !== 0 || packet[at + 11]! > 1) return false
    this.packet = packet
    this.at = at
    this.length = length
    this.resumed = this.stored = false
    this.rd = (flags & FLAG.RD) !== 0
    this.ad = (flags & FLAG.AD) !== 0
    this.cd = (flags & FLAG.CD) !== 0
    const end = at + length
    const nameEnd = this.#readName(packet, at + HEADER_BYTES, end)
    if (nameEnd < 0 || nameEnd + 4 > end) return false
    this.type = (packet[nameEnd]! << 8) | packet[nameEnd + 1]!
    this.class = (packet[nameEnd + 2]! << 8) | packet[nameEnd + 3]!
    if (this.class !== CLASS.IN) return false
    this.edns = packet[at + 11] === 1
    if (this.edns) return this.#readOpt(packet, nameEnd + 4, end)
    this.do = false
    this.udpSize = 0
    this.optionsLength = 0
    return nameEnd + 4 === end
  }

  /** The name's text form in lower case; costs a string, unlike everything else here. */
  text(): Name {
    return readName(this.name, 0).name
  }

  /**
   * Writes the name's text form in lower case, as `lowerName` has it, and gives the offset behind it; -1 when an octet would need an
   * escape, which common names have none of.
   */
  writeText(into: Uint8Array, at: number): number {
    const { name, nameLength } = this
    if (nameLength === 1) {
      into[at] = DOT
      return at + 1
    }
    let to = at
    for (let from = 0; from < nameLength - 1;) {
      for (const end = from + name[from++]! + 1; from < end;) {
        const octet = name[from++]!
        if (PLAIN[octet] === 0) return -1
        into[to++] = octet
      }
      into[to++] = DOT
    }
    return to
  }

  /** The offset behind the name, or -1 when it is none. */
  #readName(packet: Uint8Array, start: number, end: number): number {
    const { name, labels } = this
    let from = start
    let to = 0
    let count = 0
    for (;;) {
      if (from >= end) return -1
      const length = packet[from]!
      if (length === 0) break
      if (length > LABEL_LIMIT || to + length + 2 > NAME_LIMIT || from + length >= end) return -1
      labels[count++] = to
      for (const last = from + length; from <= last;) name[to++] = LOWER[packet[from++]!]!
    }
    name[to] = 0
    name[to + 1] = 0
    name[to + 2] = 0
    name[to + 3] = 0
    this.nameLength = to + 1
    this.labelCount = count
    return from + 1
  }

  /** An OPT of version 0 without flags but DO, whose options are all of the kind that is repeated (RFC 6891 6.1.2). */
  #readOpt(packet: Uint8Array, at: number, end: number): boolean {
    if (at + OPT_BYTES > end || packet[at] !== 0 || packet[at + 1] !== 0 || packet[at + 2] !== TYPE.OPT) return false
    if (packet[at + 5] !== 0 || packet[at + 6] !== 0 || (packet[at + 7]! & 0x7f) !== 0 || packet[at + 8] !== 0) return false
    this.udpSize = (packet[at + 3]! << 8) | packet[at + 4]!
    this.do = packet[at + 7] === 0x80
    this.optionsAt = at + OPT_BYTES
    this.optionsLength = (packet[at + 9]! << 8) | packet[at + 10]!
    return this.optionsAt + this.optionsLength === end && (this.optionsLength === 0 || this.#optionsAreEchoed(packet, this.optionsAt, end))
  }

  #optionsAreEchoed(packet: Uint8Array, start: number, end: number): boolean {
    for (let at = start; at < end;) {
      if (at + 4 > end) return false
      const code = (packet[at]! << 8) | packet[at + 1]!
      const next = at + 4 + ((packet[at + 2]! << 8) | packet[at + 3]!)
      if (next > end || !ECHOED.has(code)) return false
      // A cookie's octets are anything; looking at the others' makes a view, which the common query does not pay for.
      if (code !== EDNS.COOKIE && !isCanonical(code, packet.subarray(at + 4, next))) return false
      at = next
    }
    return true
  }
}

/** The option goes back as it came. */
function isCanonical(code: number, data: Uint8Array): boolean {
  return canonicalOption(code, data) === data
}
