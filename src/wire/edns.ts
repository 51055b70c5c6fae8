import { formatIp, parseIp } from '../base/ip.ts'
import type { EdnsOption } from './message.ts'

/** EDNS option codes (IANA). */
export const EDNS = {
  LLQ: 1, NSID: 3, DAU: 5, DHU: 6, N3U: 7, SUBNET: 8, EXPIRE: 9, COOKIE: 10, TCP_KEEPALIVE: 11, PADDING: 12, EDE: 15, ESU: 4,
} as const

/** Extended DNS Errors (RFC 8914 4). */
export const EDE = {
  OTHER: 0, STALE_ANSWER: 3, STALE_NXDOMAIN_ANSWER: 19, BLOCKED: 15, FILTERED: 17, PROHIBITED: 18, NETWORK_ERROR: 23, NO_REACHABLE_AUTHORITY: 22,
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

/** False for option data that miekg/dns refuses, and CoreDNS with it as a malformed message. */
export function optionIsSound(code: number, data: Uint8Array): boolean {
  if (code === EDNS.SUBNET) return subnetIsSound(data)
  if (code === EDNS.TCP_KEEPALIVE) return data.length === 0 || data.length === 2
  if (code === EDNS.EXPIRE) return data.length === 0 || data.length >= 4
  if (code === EDNS.EDE) return data.length >= 2
  if (code === EDNS.LLQ) return data.length >= 18
  return true
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
