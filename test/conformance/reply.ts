import { decodeMessage } from '../../src/wire/decode.ts'
import { classMnemonic, className, OPCODE, rcodeName, typeName } from '../../src/wire/codes.ts'
import type { Message, ResourceRecord } from '../../src/wire/message.ts'
import { nameToWire } from '../../src/wire/name.ts'
import { formatRdata } from '../../src/wire/rdata-text.ts'

/** A reply in the form of the recordings. */
export type Comparable = Record<string, unknown>

export const SECTIONS = ['answer', 'authority', 'additional'] as const
const FLAGS = ['aa', 'tc', 'rd', 'ra', 'ad', 'cd'] as const

export function sectionsOf(message: Message): Record<(typeof SECTIONS)[number], readonly ResourceRecord[]> {
  return { answer: message.answers, authority: message.authorities, additional: message.additionals }
}

export function flagText(message: Message): string {
  return FLAGS.filter((flag) => message[flag]).join(' ')
}

export function rcodeText(message: Message): string {
  return rcodeName(message.rcode)
}

/** A name with the escapes of the recordings: only `"().;\@$` have a backslash. */
export function nameText(name: string): string {
  if (name === '.') return name
  const bytes = nameToWire(name)
  let text = ''
  for (let at = 0; bytes[at] !== 0; at += 1 + bytes[at]!) {
    for (const octet of bytes.subarray(at + 1, at + 1 + bytes[at]!)) text += octetText(octet)
    text += '.'
  }
  return text
}

function octetText(octet: number): string {
  const char = String.fromCharCode(octet)
  if ('"().;\\@$'.includes(char)) return `\\${char}`
  return octet > 0x20 && octet < 0x7f ? char : `\\${String(octet).padStart(3, '0')}`
}

export function recordText(record: ResourceRecord): string {
  const rdata = record.rdata.length === 0 ? '' : formatRdata(record.type, record.rdata)
  return `${nameText(record.name)} ${record.ttl} ${classText(record.class)} ${typeName(record.type)} ${rdata}`.trimEnd()
}

/** How a reply compares, by the options of its step; `{cport}` stands for the client's port. */
export function comparable(wire: Buffer, step: Comparable, clientPort: number): Comparable {
  let message: Message
  try {
    message = decodeMessage(wire)
  } catch (error) {
    return { unparsable: wire.toString('hex'), why: String(error) }
  }
  if (!message.qr) return { unparsable: wire.toString('hex'), why: 'QR=0' }
  const out: Comparable = { rcode: rcodeText(message), flags: flagText(message) }
  if (message.opcode !== OPCODE.QUERY) out.opcode = message.opcode
  out.question = message.questions.map((question) => `${nameText(question.name)} ${classText(question.class)} ${typeName(question.type)}`).join(', ')
  for (const [section, records] of Object.entries(sectionsOf(message))) {
    const texts = records.map((record) => recordText(record).replace(` ${clientPort} `, ' {cport} '))
    if (step.order === 'types' && texts.length > 0) out[`${section}_types`] = texts.map((text) => text.split(' ')[3]).join(' ')
    if (step.order !== 'exact') texts.sort()
    if (step.count_only === true && texts.length > 2) out[`${section}_count`] = texts.length
    else if (texts.length > 0) out[section] = texts
  }
  if (message.edns !== undefined) out.edns = ednsOf(message.edns)
  if (step.len !== undefined) out.len = wire.length
  return out
}

function ednsOf(edns: NonNullable<Message['edns']>): Comparable {
  const out: Comparable = { size: edns.udpSize, do: edns.do }
  if (edns.version !== 0) out.version = edns.version
  if (edns.z !== 0) out.z = edns.z
  if (edns.options.length > 0) out.options = edns.options.map((option) => `${option.code}:${Buffer.from(option.data).toString('hex')}`)
  return out
}

/** Texts `field: expected …, got …`; none when the replies agree. TTLs may differ by `tolerance` seconds. */
export function differences(want: Comparable, got: Comparable, tolerance: number, ordered: boolean): string[] {
  return [...new Set([...Object.keys(want), ...Object.keys(got)])].sort().flatMap((field) => {
    const [a, b] = [want[field], got[field]]
    if (JSON.stringify(sortedKeys(a)) === JSON.stringify(sortedKeys(b))) return []
    if ((SECTIONS as readonly string[]).includes(field) && sameRecords(a, b, tolerance, ordered)) return []
    return [`${field}: expected ${JSON.stringify(a)}, got ${JSON.stringify(b)}`]
  })
}

function sortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function sameRecords(a: unknown, b: unknown, tolerance: number, ordered: boolean): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  const split = (text: string) => {
    const [name, ttl, ...rest] = text.split(' ')
    return { key: [name, ...rest].join(' '), ttl: Number(ttl) }
  }
  const order = (list: string[]) => {
    const records = list.map(split)
    return ordered ? records : records.sort((x, y) => (x.key < y.key ? -1 : 1))
  }
  const theirs = order(b as string[])
  return order(a as string[]).every((record, i) => record.key === theirs[i]!.key && Math.abs(record.ttl - theirs[i]!.ttl) <= tolerance)
}

function classText(code: number): string {
  return classMnemonic(code) ?? className(code)
}
