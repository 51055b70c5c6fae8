import * as dnsPacket from 'dns-packet'
import { randomBytes, randomInt } from 'node:crypto'
import { EDNS, subnetOption } from '../wire/edns.ts'
import { typeWord } from './packet.ts'

/** What to ask, and with which EDNS. */
export interface QueryRequest {
  /** In presentation format; labels with escaped dots are beyond dns-packet. */
  readonly name: string
  readonly type: number
  readonly recursion: boolean
  readonly checkingDisabled: boolean
  readonly authenticData: boolean
  /** Undefined: no OPT at all. */
  readonly edns: EdnsRequest | undefined
}

export interface EdnsRequest {
  readonly udpSize: number
  readonly dnssec: boolean
  readonly nsid: boolean
  /** A client cookie of 8 octets in hexadecimal, `random`, or none (RFC 7873). */
  readonly cookie: string | undefined
  readonly subnet: { readonly address: Uint8Array; readonly bits: number } | undefined
  /** Pads the message to a multiple of this (RFC 8467); 0 for not at all. */
  readonly paddingBytes: number
}

interface Option {
  readonly code: number
  readonly data: Buffer
}

const OPTION_HEADER_BYTES = 4

/** A message with a random id. */
export function encodeQuery(request: QueryRequest): Buffer {
  const { edns } = request
  const plain = encode(request, edns === undefined ? [] : options(edns))
  if (edns === undefined || edns.paddingBytes === 0) return plain
  const missing = (edns.paddingBytes - ((plain.length + OPTION_HEADER_BYTES) % edns.paddingBytes)) % edns.paddingBytes
  return encode(request, [...options(edns), { code: EDNS.PADDING, data: Buffer.alloc(missing) }], plain.readUInt16BE(0))
}

function encode({ name, type, recursion, checkingDisabled, authenticData, edns }: QueryRequest, withOptions: readonly Option[], id = randomInt(65_536)): Buffer {
  const opt = edns === undefined ? [] : [{ type: 'OPT', name: '.', udpPayloadSize: edns.udpSize, extendedRcode: 0, ednsVersion: 0, flags: edns.dnssec ? dnsPacket.DNSSEC_OK : 0, flag_do: edns.dnssec, options: [...withOptions] }]
  return dnsPacket.encode({
    id,
    type: 'query',
    flags: (recursion ? dnsPacket.RECURSION_DESIRED : 0) | (checkingDisabled ? dnsPacket.CHECKING_DISABLED : 0) | (authenticData ? dnsPacket.AUTHENTIC_DATA : 0),
    questions: [{ name: name === '.' ? '.' : name.replace(/\.$/, ''), type: typeWord(type) as dnsPacket.RecordType }],
    additionals: opt as unknown as dnsPacket.Answer[],
  })
}

function options(edns: EdnsRequest): Option[] {
  const list: Option[] = []
  if (edns.nsid) list.push({ code: EDNS.NSID, data: Buffer.alloc(0) })
  if (edns.subnet !== undefined) list.push({ code: EDNS.SUBNET, data: Buffer.from(subnetOption(edns.subnet.address, edns.subnet.bits).data) })
  if (edns.cookie !== undefined) list.push({ code: EDNS.COOKIE, data: edns.cookie === 'random' ? randomBytes(8) : Buffer.from(edns.cookie, 'hex') })
  return list
}
