/** `dns-packet` as the client uses it: what its published types leave out, and names for numbers that it does not know. */
import * as dnsPacket from 'dns-packet'
import { classMnemonic, className, parseClass, parseType, typeName } from '../wire/codes.ts'

/** One decoded record; `data` is a Buffer for types that dns-packet does not know. */
export interface DecodedRecord {
  readonly name: string
  readonly type: string
  readonly class?: string
  readonly ttl?: number
  readonly data?: unknown
  readonly flags?: number
  readonly udpPayloadSize?: number
  readonly extendedRcode?: number
  readonly ednsVersion?: number
  readonly options?: readonly { readonly code: number; readonly type: string; readonly data: Uint8Array }[]
}

export interface DecodedReply {
  readonly id: number
  /** The second 16 bits of the header. */
  readonly flags: number
  readonly questions: readonly { readonly name: string; readonly type: string; readonly class?: string }[]
  readonly answers: readonly DecodedRecord[]
  readonly authorities: readonly DecodedRecord[]
  readonly additionals: readonly DecodedRecord[]
}

interface Untyped {
  readonly answer: {
    encode(record: DecodedRecord): Uint8Array
  }
  readonly name: { encodingLength(name: string): number }
}

const untyped = dnsPacket as unknown as Untyped
/** Type, class, TTL and length of a record, between its owner and its data. */
const RECORD_HEADER_BYTES = 10

/** Octets that are no DNS message. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError'
}

/** Throws ReplyError. */
export function decodeReply(packet: Uint8Array): DecodedReply {
  const bytes = Buffer.from(packet)
  const { id, questions, answers, authorities, additionals } = decode(bytes)
  // dns-packet's own flags are without QR and rcode.
  return { id, flags: bytes.readUInt16BE(2), questions, answers, authorities, additionals }
}

/** dns-packet throws whatever reading beyond the end throws. */
function decode(bytes: Buffer): DecodedReply {
  try {
    return dnsPacket.decode(bytes) as unknown as DecodedReply
  } catch (error) {
    throw new ReplyError(`the reply is no DNS message: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** Octets of a record's data, uncompressed. */
export function rdataOf(record: DecodedRecord): Uint8Array {
  return untyped.answer.encode(record).subarray(untyped.name.encodingLength(record.name) + RECORD_HEADER_BYTES)
}

/** dns-packet's word for a type or class. */
export function typeWord(type: number): string {
  const known = typeName(type)
  return WORDS_OF_DNS_PACKET.has(known) ? known : `UNKNOWN_${type}`
}

export function typeNumber(word: string): number {
  return word.startsWith('UNKNOWN_') ? Number(word.slice('UNKNOWN_'.length)) : parseType(word) ?? 0
}

export function classNumber(word: string | undefined): number {
  return word === undefined ? 1 : word.startsWith('UNKNOWN_') ? Number(word.slice('UNKNOWN_'.length)) : parseClass(word) ?? 1
}

export function shownType(word: string): string {
  return typeName(typeNumber(word))
}

export function shownClass(word: string | undefined): string {
  const code = classNumber(word)
  return classMnemonic(code) ?? className(code)
}

/** Types whose data dns-packet takes apart; the others stay octets. */
const WORDS_OF_DNS_PACKET = new Set([
  'A', 'AAAA', 'AFSDB', 'ANY', 'APL', 'AXFR', 'CAA', 'CDNSKEY', 'CDS', 'CERT', 'CNAME', 'DHCID', 'DLV', 'DNAME', 'DNSKEY', 'DS', 'HINFO', 'HIP', 'IPSECKEY', 'IXFR',
  'KEY', 'KX', 'LOC', 'MX', 'NAPTR', 'NS', 'NSEC', 'NSEC3', 'NSEC3PARAM', 'NULL', 'PTR', 'RP', 'RRSIG', 'SIG', 'SOA', 'SPF', 'SRV', 'SSHFP', 'TA', 'TKEY', 'TLSA', 'TSIG', 'TXT',
])
