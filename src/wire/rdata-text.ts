import { formatIp, parseIp } from '../base/ip.ts'
import { typeName, parseType } from './codes.ts'
import { nameToWire, parseName, readName } from './name.ts'
import { join } from './rdata.ts'
import { FIELDS, type FieldKind } from './rdata-fields.ts'
import { formatParams, parseParams } from './svc-params.ts'
import { formatOctets, octetsOf } from './octet-text.ts'
import { canonicalRdata } from './rdata-check.ts'
import { WireError } from './wire-error.ts'

/** Text that is no rdata of its type. */
export class RdataError extends Error {
  override readonly name = 'RdataError'
}

/** Presentation format (RFC 1035 5.1 and the types' own RFCs); unknown types as `\# length hex` (RFC 3597 5). */
export function formatRdata(type: number, rdata: Uint8Array): string {
  const fields = FIELDS.get(type)
  if (fields === undefined || rdata.length === 0) return formatUnknown(rdata)
  const cursor = { bytes: rdata, at: 0 }
  const texts = fields.map((kind) => FORMATS[kind](cursor))
  // A field without octets has no text that could be read back, but for the lists at the end.
  if (texts.some((text, i) => text === '' && !MAY_BE_EMPTY.has(fields[i]!))) return formatUnknown(rdata)
  return texts.filter((text) => text !== '').join(' ')
}

const MAY_BE_EMPTY = new Set<FieldKind>(['types', 'params'])

/** One token a field, quotes removed but escapes kept. Throws RdataError. */
export function parseRdata(type: number, tokens: readonly string[]): Uint8Array {
  if (tokens[0] === '\\#') return checked(type, parseUnknown(tokens.slice(1)))
  const fields = FIELDS.get(type)
  if (fields === undefined) throw new RdataError(`${typeName(type)} has no text form here; write \\# LENGTH HEX (RFC 3597)`)
  const cursor = { tokens, at: 0 }
  const rdata = join(fields.map((kind) => PARSES[kind](cursor)))
  if (cursor.at < tokens.length) throw new RdataError(`${typeName(type)}: "${tokens[cursor.at]}" is one field too many`)
  return checked(type, rdata)
}

/** Octets are what their type says, however they were written (RFC 3597 5). */
function checked(type: number, rdata: Uint8Array): Uint8Array {
  try {
    return canonicalRdata(type, rdata, 0)
  } catch (error) {
    if (error instanceof WireError) throw new RdataError(`${typeName(type)}: ${error.message}`)
    throw error
  }
}

interface Octets {
  readonly bytes: Uint8Array
  at: number
}

interface Tokens {
  readonly tokens: readonly string[]
  at: number
}

const FORMATS: Readonly<Record<FieldKind, (from: Octets) => string>> = {
  u8: (from) => String(number(from, 1)),
  u16: (from) => String(number(from, 2)),
  u32: (from) => String(number(from, 4)),
  type: (from) => typeName(number(from, 2)),
  time: (from) => formatTime(number(from, 4)),
  ip4: (from) => formatIp(take(from, 4)),
  ip6: (from) => formatIp(take(from, 16)),
  name: (from) => {
    const { name, next } = readName(from.bytes, from.at)
    from.at = next
    return name
  },
  string: (from) => quoted(counted(from)),
  strings: (from) => {
    const texts: string[] = []
    while (from.at < from.bytes.length) texts.push(quoted(counted(from)))
    return texts.join(' ')
  },
  quoted: (from) => quoted(rest(from)),
  // Not quoted, so that what would end the word is escaped.
  word: (from) => formatOctets(counted(from)).replace(/[ ();]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, '0')}`),
  HEX: (from) => hexOf(rest(from)).toUpperCase(),
  hex: (from) => hexOf(rest(from)),
  base64: (from) => Buffer.from(rest(from)).toString('base64'),
  salt: (from) => hexOf(counted(from)).toUpperCase() || '-',
  base32: (from) => formatBase32(counted(from)),
  types: (from) => formatTypes(rest(from)),
  params: (from) => formatParams(rest(from)),
}

const PARSES: Readonly<Record<FieldKind, (from: Tokens) => Uint8Array>> = {
  u8: (from) => parseNumber(from, 1),
  u16: (from) => parseNumber(from, 2),
  u32: (from) => parseNumber(from, 4),
  type: (from) => {
    const text = token(from)
    return big(orFail(parseType(text), `"${text}" is no record type`), 2)
  },
  time: (from) => big(parseTime(token(from)), 4),
  ip4: (from) => parseAddress(token(from), 4),
  ip6: (from) => parseAddress(token(from), 16),
  name: (from) => {
    const text = token(from)
    return nameToWire(orFail(parseName(text), `"${text}" is no domain name`))
  },
  string: (from) => counting(octets(token(from))),
  strings: (from) => join(remaining(from, 'a text').map((text) => counting(octets(text)))),
  quoted: (from) => octets(token(from)),
  word: (from) => counting(octets(token(from))),
  HEX: (from) => parseHex(remaining(from, 'hexadecimal digits').join('')),
  hex: (from) => parseHex(remaining(from, 'hexadecimal digits').join('')),
  base64: (from) => parseBase64(remaining(from, 'base64').join('')),
  salt: (from) => {
    const text = token(from)
    return counting(text === '-' ? new Uint8Array() : parseHex(text))
  },
  base32: (from) => counting(parseBase32(token(from))),
  types: (from) => parseTypes(from.tokens.slice(from.at, from.at = from.tokens.length)),
  params: (from) => parseParams(from.tokens.slice(from.at, from.at = from.tokens.length), (text) => { throw new RdataError(text) }),
}

function formatUnknown(rdata: Uint8Array): string {
  return rdata.length === 0 ? '\\# 0' : `\\# ${rdata.length} ${hexOf(rdata)}`
}

function parseUnknown(tokens: readonly string[]): Uint8Array {
  const rdata = parseHex(tokens.slice(1).join(''))
  if (!/^\d+$/.test(tokens[0] ?? '') || Number(tokens[0]) !== rdata.length) throw new RdataError(`\\# ${tokens[0] ?? ''}: the length must be that of the digits, ${rdata.length}`)
  return rdata
}

function take(from: Octets, length: number): Uint8Array {
  const part = from.bytes.subarray(from.at, from.at + length)
  from.at += length
  return part
}

function number(from: Octets, length: number): number {
  return take(from, length).reduce((value, octet) => value * 256 + octet, 0)
}

function counted(from: Octets): Uint8Array {
  return take(from, number(from, 1))
}

function rest(from: Octets): Uint8Array {
  return take(from, from.bytes.length - from.at)
}

function quoted(bytes: Uint8Array): string {
  return `"${formatOctets(bytes)}"`
}

function token(from: Tokens): string {
  return orFail(from.tokens[from.at++], 'a field is missing')
}

function remaining(from: Tokens, what: string): readonly string[] {
  const texts = from.tokens.slice(from.at)
  from.at = from.tokens.length
  if (texts.length === 0) throw new RdataError(`${what} is missing`)
  return texts
}

function orFail<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw new RdataError(text)
  return value
}

function parseNumber(from: Tokens, length: number): Uint8Array {
  const text = token(from)
  if (!/^\d{1,10}$/.test(text) || Number(text) >= 256 ** length) throw new RdataError(`"${text}" is no number below ${256 ** length}`)
  return big(Number(text), length)
}

function big(value: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = length - 1, left = value; i >= 0; i--, left = Math.floor(left / 256)) bytes[i] = left % 256
  return bytes
}

function parseAddress(text: string, length: number): Uint8Array {
  const bytes = parseIp(text)
  if (bytes?.length !== length) throw new RdataError(`"${text}" is no ${length === 4 ? 'IPv4' : 'IPv6'} address`)
  return bytes
}

function octets(text: string): Uint8Array {
  return orFail(octetsOf(text), `"${text}": an escape is \\DDD or a backslash and a character`)
}

function counting(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 255) throw new RdataError(`a string of ${bytes.length} octets; at most 255 fit`)
  return join([Uint8Array.of(bytes.length), bytes])
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function parseHex(text: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new RdataError(`"${text}" is not pairs of hexadecimal digits`)
  return new Uint8Array(Buffer.from(text, 'hex'))
}

function parseBase64(text: string): Uint8Array {
  if (!/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) throw new RdataError(`"${text}" is not base64`)
  return new Uint8Array(Buffer.from(text, 'base64'))
}

const BASE32 = '0123456789ABCDEFGHIJKLMNOPQRSTUV'

function formatBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const octet of bytes) {
    held = ((held << 8) | octet) & 0xfff
    bits += 8
    for (; bits >= 5; bits -= 5) text += BASE32[(held >> (bits - 5)) & 31]
  }
  return bits > 0 ? text + BASE32[(held << (5 - bits)) & 31] : text
}

function parseBase32(text: string): Uint8Array {
  if (!/^[0-9A-V]+$/i.test(text)) throw new RdataError(`"${text}" is not base32hex`)
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (const digit of text.toUpperCase()) {
    held = ((held << 5) | BASE32.indexOf(digit)) & 0xfff
    bits += 5
    if (bits >= 8) bytes.push((held >> (bits -= 8)) & 0xff)
  }
  return Uint8Array.from(bytes)
}

/** Windows of 256 types, each with up to 32 octets of bits, most significant first. */
function formatTypes(bytes: Uint8Array): string {
  const names: string[] = []
  for (let at = 0; at + 2 <= bytes.length; at += 2 + bytes[at + 1]!) {
    for (let bit = 0; bit < bytes[at + 1]! * 8; bit++) {
      if (((bytes[at + 2 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) names.push(typeName(bytes[at]! * 256 + bit))
    }
  }
  return names.join(' ')
}

function parseTypes(names: readonly string[]): Uint8Array {
  const windows = new Map<number, Uint8Array>()
  for (const name of names) {
    const type = orFail(parseType(name), `"${name}" is no record type`)
    const bits = windows.get(type >> 8) ?? new Uint8Array(32)
    bits[(type & 0xff) >> 3]! |= 0x80 >> (type & 7)
    windows.set(type >> 8, bits)
  }
  return join([...windows].sort(([a], [b]) => a - b).map(([window, bits]) => {
    const length = bits.findLastIndex((octet) => octet !== 0) + 1
    return join([Uint8Array.of(window, length), bits.subarray(0, length)])
  }))
}

function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/[-:T]/g, '').slice(0, 14)
}

function parseTime(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text) % 2 ** 32
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text)?.slice(1).map(Number)
  if (parts === undefined) throw new RdataError(`"${text}" is no time of the form YYYYMMDDHHmmSS`)
  const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number]
  return (Date.UTC(year, month - 1, day, hour, minute, second) / 1000) % 2 ** 32
}
