import { formatIp, parseIp } from '../base/ip.ts'
import type { EdnsOption } from './message.ts'
import { nameToWire, readName } from './name.ts'
import { WireError } from './wire-error.ts'

/** EDNS option codes (IANA). */
export const EDNS = {
  LLQ: 1, UPDATE_LEASE: 2, NSID: 3, DAU: 5, DHU: 6, N3U: 7, SUBNET: 8, EXPIRE: 9, COOKIE: 10, TCP_KEEPALIVE: 11, PADDING: 12, EDE: 15, ESU: 4, REPORTING: 18, ZONE_VERSION: 19,
} as const

/** Extended DNS Errors (RFC 8914 4). */
export const EDE = {
  STALE_ANSWER: 3, NOT_READY: 14, STALE_NXDOMAIN_ANSWER: 19, BLOCKED: 15, FILTERED: 17, PROHIBITED: 18, NETWORK_ERROR: 23, NO_REACHABLE_AUTHORITY: 22,
} as const

export interface ExtendedError {
  readonly code: number
  readonly text: string
}

export function extendedErrorOption(code: number, text = ''): EdnsOption {
  const extra = new TextEncoder().encode(text)
  const data = new Uint8Array(2 + extra.length)
  data[0] = code >> 8
  data[1] = code & 0xff
  data.set(extra, 2)
  return { code: EDNS.EDE, data }
}

/** Undefined when the option is no extended error or is too short. */
export function readExtendedError(option: EdnsOption): ExtendedError | undefined {
  if (option.code !== EDNS.EDE || option.data.length < 2) return undefined
  return { code: (option.data[0]! << 8) | option.data[1]!, text: new TextDecoder().decode(option.data.subarray(2)) }
}

/** Client subnet (RFC 7871): the address is masked to `bits` and cut to the octets that hold them; scope is 0. */
export function subnetOption(address: Uint8Array, bits: number): EdnsOption {
  const kept = Math.ceil(bits / 8)
  const data = new Uint8Array(4 + kept)
  data[1] = address.length === 4 ? 1 : 2
  data[2] = bits
  data.set(address.subarray(0, kept), 4)
  if (bits % 8 !== 0) data[3 + kept]! &= 0xff << (8 - (bits % 8))
  return { code: EDNS.SUBNET, data }
}

/** `address/bits` of a client subnet, or undefined when it is malformed. */
export function readSubnet(option: EdnsOption): { address: string; bits: number } | undefined {
  const { data } = option
  if (option.code !== EDNS.SUBNET || !subnetIsSound(data)) return undefined
  const address = new Uint8Array(data[1] === 1 ? 4 : 16)
  address.set(data.subarray(4, 4 + address.length))
  return { address: formatIp(address), bits: data[2]! }
}

type Canonical = (data: Uint8Array) => Uint8Array | undefined

/** What options with fields of their own become when they are read and written again; other options are their octets. */
const CANONICAL: ReadonlyMap<number, Canonical> = new Map<number, Canonical>([
  [EDNS.LLQ, (data) => (data.length < 18 ? undefined : cut(data, 18))],
  [EDNS.UPDATE_LEASE, (data) => (data.length !== 4 && data.length !== 8 ? undefined : cut(data, data.subarray(4).some((octet) => octet !== 0) ? 8 : 4))],
  [EDNS.SUBNET, canonicalSubnet],
  [EDNS.EXPIRE, (data) => (data.length === 0 ? data : data.length < 4 ? undefined : cut(data, 4))],
  [EDNS.TCP_KEEPALIVE, (data) => (data.length === 0 ? data : data.length !== 2 ? undefined : data[0] === 0 && data[1] === 0 ? cut(data, 0) : data)],
  [EDNS.EDE, (data) => (data.length < 2 ? undefined : data)],
  [EDNS.REPORTING, (data) => agentDomain(data)],
  [EDNS.ZONE_VERSION, (data) => (data.length < 2 ? undefined : data)],
])

/**
 * The data of an option as CoreDNS passes it on: the same object when nothing changes, undefined for what it refuses as a malformed
 * message.
 */
export function canonicalOption(code: number, data: Uint8Array): Uint8Array | undefined {
  const canonical = CANONICAL.get(code)
  return canonical === undefined ? data : canonical(data)
}

/** The address has as many octets as its prefix needs, and no bits behind it (RFC 7871 6). */
function canonicalSubnet(data: Uint8Array): Uint8Array | undefined {
  if (!subnetIsSound(data)) return undefined
  const bits = data[2]!
  const length = 4 + Math.ceil(bits / 8)
  const mask = bits % 8 === 0 ? 0xff : (0xff << (8 - (bits % 8))) & 0xff
  if (data.length === length && (bits === 0 || (data[length - 1]! & mask) === data[length - 1])) return data
  const out = new Uint8Array(length)
  out.set(data.subarray(0, length))
  if (bits > 0) out[length - 1]! &= mask
  return out
}

function agentDomain(data: Uint8Array): Uint8Array | undefined {
  try {
    const { name, next } = readName(data, 0)
    return next === data.length ? data : nameToWire(name)
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}

function cut(data: Uint8Array, length: number): Uint8Array {
  return data.length === length ? data : data.subarray(0, length)
}

function subnetIsSound(data: Uint8Array): boolean {
  if (data.length < 4) return false
  const family = (data[0]! << 8) | data[1]!
  const bits = data[2]!
  if (family === 0) return bits === 0
  if (family === 1) return bits <= 32 && data[3]! <= 32
  return family === 2 && bits <= 128 && data[3]! <= 128
}

/** Text to octets for tests and tools: `1.2.3.4` or IPv6. Throws on anything else. */
export function addressBytes(text: string): Uint8Array {
  const bytes = parseIp(text)
  if (bytes === undefined) throw new Error(`not an address: ${text}`)
  return bytes
}
