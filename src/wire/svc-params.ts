import { formatIp, parseIp } from '../base/ip.ts'
import { formatOctets, octetsOf } from './octet-text.ts'
import { join } from './rdata.ts'

/** Service parameters of SVCB and HTTPS records (RFC 9460 2.1, 7). */

const COMMA = 0x2c
const BACKSLASH = 0x5c

const KEYS = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint', 'dohpath', 'ohttp'] as const

/** `alpn="h2,h3" port="8443"`, in the order of the octets. Malformed values read as opaque octets. */
export function formatParams(bytes: Uint8Array): string {
  const texts: string[] = []
  for (let at = 0; at + 4 <= bytes.length;) {
    const key = (bytes[at]! << 8) | bytes[at + 1]!
    const end = at + 4 + ((bytes[at + 2]! << 8) | bytes[at + 3]!)
    texts.push(formatParam(key, bytes.subarray(at + 4, end)))
    at = end
  }
  return texts.join(' ')
}

/** Tokens `key=value` or `key`, in any order; the octets come in ascending order of keys, as the RFC demands. */
export function parseParams(tokens: readonly string[], fail: (text: string) => never): Uint8Array {
  const params = new Map<number, Uint8Array>()
  for (const token of tokens) {
    const equals = token.indexOf('=')
    const name = equals < 0 ? token : token.slice(0, equals)
    const key = keyOf(name) ?? fail(`"${name}" is no service parameter`)
    if (params.has(key)) fail(`service parameter ${name} is given twice`)
    const value = equals < 0 ? '' : token.slice(equals + 1).replace(/^"(.*)"$/s, '$1')
    params.set(key, parseValue(key, value) ?? fail(`${name}: "${value}" is no value for it`))
  }
  return join([...params].sort(([a], [b]) => a - b).map(([key, value]) => join([uint16(key), uint16(value.length), value])))
}

function formatParam(key: number, value: Uint8Array): string {
  const name = KEYS[key] ?? `key${key}`
  if (value.length === 0) return KEYS[key] === 'no-default-alpn' || KEYS[key] === 'ohttp' ? name : `${name}=""`
  return `${name}="${formatValue(key, value)}"`
}

function formatValue(key: number, value: Uint8Array): string {
  switch (KEYS[key]) {
    case 'mandatory': return pairs(value).map((other) => KEYS[other] ?? `key${other}`).join(',')
    case 'alpn': return formatOctets(joinList(counted(value)))
    case 'port': return String((value[0]! << 8) | (value[1] ?? 0))
    case 'ipv4hint': return groups(value, 4).map(formatIp).join(',')
    case 'ipv6hint': return groups(value, 16).map(formatIp).join(',')
    case 'ech': return Buffer.from(value).toString('base64')
    default: return formatOctets(value)
  }
}

function parseValue(key: number, text: string): Uint8Array | undefined {
  switch (KEYS[key]) {
    case 'mandatory': return allOf(text.split(',').map(keyOf), (list) => join(list.sort((a, b) => a - b).map(uint16)))
    case 'alpn': return countedList(octetsOf(text))
    case 'no-default-alpn': case 'ohttp': return text === '' ? new Uint8Array() : undefined
    case 'port': return /^\d{1,5}$/.test(text) && Number(text) < 65_536 ? uint16(Number(text)) : undefined
    case 'ipv4hint': return addresses(text, 4)
    case 'ipv6hint': return addresses(text, 16)
    case 'ech': return /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : undefined
    default: return octetsOf(text)
  }
}

function keyOf(name: string): number | undefined {
  const known = (KEYS as readonly string[]).indexOf(name)
  if (known >= 0) return known
  const number = /^key(\d{1,5})$/.exec(name)?.[1]
  return number !== undefined && Number(number) < 65_536 ? Number(number) : undefined
}

function addresses(text: string, length: number): Uint8Array | undefined {
  return allOf(text.split(',').map((address) => parseIp(address)), (list) => (list.every((ip) => ip.length === length) ? join(list) : undefined))
}

function allOf<T, U>(values: readonly (T | undefined)[], use: (values: T[]) => U): U | undefined {
  return values.includes(undefined) ? undefined : use(values as T[])
}

function pairs(bytes: Uint8Array): number[] {
  return groups(bytes, 2).map((pair) => (pair[0]! << 8) | (pair[1] ?? 0))
}

function groups(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
}

function counted(bytes: Uint8Array): Uint8Array[] {
  const items: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += 1 + bytes[at]!) items.push(bytes.subarray(at + 1, at + 1 + bytes[at]!))
  return items
}

/** A value-list (RFC 9460 A.1): items between commas, commas and backslashes within them behind a backslash. */
function joinList(items: readonly Uint8Array[]): Uint8Array {
  const octets = items.flatMap((item, i) => [...(i === 0 ? [] : [COMMA]), ...[...item].flatMap((octet) => (octet === COMMA || octet === BACKSLASH ? [BACKSLASH, octet] : [octet]))])
  return Uint8Array.from(octets)
}

/** The reverse, each item with its length before it. Undefined for items that are empty or too long. */
function countedList(octets: Uint8Array | undefined): Uint8Array | undefined {
  const items: number[][] = [[]]
  for (let i = 0; i < (octets?.length ?? 0); i++) {
    if (octets![i] === COMMA) items.push([])
    else items.at(-1)!.push(octets![i] === BACKSLASH && i + 1 < octets!.length ? octets![++i]! : octets![i]!)
  }
  if (octets === undefined || items.some((item) => item.length === 0 || item.length > 255)) return undefined
  return join(items.map((item) => Uint8Array.from([item.length, ...item])))
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}
