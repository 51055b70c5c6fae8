import { rcodeName } from '../wire/codes.ts'
import { readExtendedError, readSubnet } from '../wire/edns.ts'
import { formatRdata } from '../wire/rdata-text.ts'
import type { Transport } from './exchange.ts'
import { rdataOf, shownClass, shownType, typeNumber, type DecodedRecord, type DecodedReply } from './packet.ts'

/** A reply with how it was got. */
export interface Received {
  readonly reply: DecodedReply
  readonly server: string
  readonly transport: Transport
  readonly tookMs: number
  readonly sizeBytes: number
}

interface Opt {
  readonly udpSize: number
  readonly version: number
  readonly dnssec: boolean
  readonly options: readonly string[]
}

const FLAGS = { qr: 0x8000, aa: 0x0400, tc: 0x0200, rd: 0x0100, ra: 0x0080, ad: 0x0020, cd: 0x0010 } as const
const OPCODES = ['QUERY', 'IQUERY', 'STATUS', 'OPCODE3', 'NOTIFY', 'UPDATE']
const OPTION_NAMES: Readonly<Record<number, string>> = { 3: 'NSID', 8: 'CLIENT-SUBNET', 9: 'EXPIRE', 10: 'COOKIE', 11: 'TCP-KEEPALIVE', 12: 'PADDING', 15: 'EDE' }

/** As dig prints replies. */
export function formatReply(received: Received): string {
  const { reply, server, transport, tookMs, sizeBytes } = received
  const records = sections(reply)
  const opt = optOf(reply)
  const counts = `QUERY: ${reply.questions.length}, ANSWER: ${reply.answers.length}, AUTHORITY: ${reply.authorities.length}, ADDITIONAL: ${reply.additionals.length}`
  const head = `;; ->>HEADER<<- opcode: ${OPCODES[(reply.flags >> 11) & 15] ?? `OPCODE${(reply.flags >> 11) & 15}`}, status: ${rcodeName(rcodeOf(reply))}, id: ${reply.id}\n;; flags: ${flagsOf(reply).join(' ')}; ${counts}\n`
  const edns = opt === undefined ? '' : `;; EDNS: version ${opt.version}; flags:${opt.dnssec ? ' do' : ''}; udp: ${opt.udpSize}\n${opt.options.map((text) => `;; ${text}\n`).join('')}`
  const question = `\n;; QUESTION SECTION:\n${reply.questions.map(({ name, type, class: klass }) => `;${absolute(name)}\t${shownClass(klass)}\t${shownType(type)}\n`).join('')}`
  const body = records.filter(({ list }) => list.length > 0).map(({ title, list }) => `\n;; ${title} SECTION:\n${list.map((record) => `${recordText(record)}\n`).join('')}`).join('')
  return `${head}${edns}${question}${body}\n;; ${Math.round(tookMs)} ms from ${server} over ${transport}, ${sizeBytes} octets\n`
}

/** Data of the answers alone, one a line. */
export function formatShort({ reply }: Received): string {
  return reply.answers.map((record) => `${dataText(record)}\n`).join('')
}

export function formatJson({ reply, server, transport, tookMs, sizeBytes }: Received): string {
  const list = (records: readonly DecodedRecord[]) => records.filter((record) => record.type !== 'OPT')
    .map((record) => ({ name: absolute(record.name), type: shownType(record.type), class: shownClass(record.class), ttl: record.ttl, data: dataText(record) }))
  return `${JSON.stringify({
    server, transport, ms: Number(tookMs.toFixed(3)), octets: sizeBytes, id: reply.id, status: rcodeName(rcodeOf(reply)), flags: flagsOf(reply), edns: optOf(reply) ?? null,
    question: reply.questions.map(({ name, type, class: klass }) => ({ name: absolute(name), type: shownType(type), class: shownClass(klass) })),
    answer: list(reply.answers), authority: list(reply.authorities), additional: list(reply.additionals),
  }, undefined, 2)}\n`
}

/** All 12 bits: the upper 8 are in the OPT. */
export function rcodeOf(reply: DecodedReply): number {
  const opt = reply.additionals.find((record) => record.type === 'OPT')
  return (reply.flags & 0x0f) | ((opt?.extendedRcode ?? 0) << 4)
}

export function isTruncated(reply: DecodedReply): boolean {
  return (reply.flags & FLAGS.tc) !== 0
}

function sections({ answers, authorities, additionals }: DecodedReply): { title: string; list: readonly DecodedRecord[] }[] {
  return [
    { title: 'ANSWER', list: answers },
    { title: 'AUTHORITY', list: authorities },
    { title: 'ADDITIONAL', list: additionals.filter((record) => record.type !== 'OPT') },
  ]
}

function flagsOf(reply: DecodedReply): string[] {
  return Object.entries(FLAGS).filter(([, bit]) => (reply.flags & bit) !== 0).map(([name]) => name)
}

function optOf(reply: DecodedReply): Opt | undefined {
  const opt = reply.additionals.find((record) => record.type === 'OPT')
  if (opt === undefined) return undefined
  return { udpSize: opt.udpPayloadSize ?? 0, version: opt.ednsVersion ?? 0, dnssec: ((opt.flags ?? 0) & 0x8000) !== 0, options: (opt.options ?? []).map(optionText) }
}

function optionText(option: { readonly code: number; readonly data: Uint8Array }): string {
  const { code, data } = option
  const error = readExtendedError(option)
  if (error !== undefined) return `EDE: ${error.code}${error.text === '' ? '' : ` (${error.text})`}`
  const subnet = readSubnet(option)
  if (subnet !== undefined) return `CLIENT-SUBNET: ${subnet.address}/${subnet.bits}/${data[3]}`
  const hex = Buffer.from(data).toString('hex')
  const text = code === 3 && /^[\x20-\x7e]+$/.test(Buffer.from(data).toString('latin1')) ? ` ("${Buffer.from(data).toString('latin1')}")` : ''
  return `${OPTION_NAMES[code] ?? `OPTION ${code}`}: ${code === 12 ? `${data.length} octets` : hex}${text}`
}

function recordText(record: DecodedRecord): string {
  return `${absolute(record.name)}\t${record.ttl ?? 0}\t${shownClass(record.class)}\t${shownType(record.type)}\t${dataText(record)}`
}

/** In master-file format. A server may send data that is none of its type: then why stands in its place. */
function dataText(record: DecodedRecord): string {
  try {
    return formatRdata(typeNumber(record.type), rdataOf(record))
  } catch (error) {
    return `; malformed data: ${error instanceof Error ? error.message : String(error)}`
  }
}

function absolute(name: string): string {
  return name.endsWith('.') ? name : `${name}.`
}
