import { networkInterfaces } from 'node:os'
import { CLASS, className, parseClass, parseType, TYPE, typeName } from '../../src/wire/codes.ts'
import { decodeMessage } from '../../src/wire/decode.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message, type ResourceRecord } from '../../src/wire/message.ts'
import { exchange } from '../support/exchange.ts'
import { flagText, nameText, rcodeText, recordText, SECTIONS, sectionsOf } from './reply.ts'

export interface Question {
  readonly name: string
  readonly type: string
  readonly class?: string
  readonly rd?: boolean
  readonly cd?: boolean
  readonly ad?: boolean
  readonly opcode?: string
  readonly edns?: number
  readonly version?: number
  readonly do?: boolean
  readonly options?: readonly (readonly [string | number, string])[]
  readonly src?: string
  readonly proto?: string
  readonly repeat?: number
}

export interface Recorded {
  readonly rcode?: string
  readonly flags?: string
  readonly answer?: readonly string[]
  readonly authority?: readonly string[]
  readonly additional?: readonly string[]
  readonly edns?: unknown
  readonly question?: readonly string[]
  readonly partial?: Readonly<Record<string, readonly [number, number]>>
  readonly error?: string
}

const OPCODES: Readonly<Record<string, number>> = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5 }
export const LOCAL = new Set(Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).filter((entry) => !entry.internal).map((entry) => entry.address)))

/** Asks, as often as the question says, and gives the last reply in the form of the recordings. */
export async function ask(question: Question, port: number, waitMs = 4000): Promise<Recorded> {
  for (let i = 1; i < (question.repeat ?? 1); i++) await askOnce(question, port, waitMs)
  return askOnce(question, port, waitMs)
}

async function askOnce(question: Question, port: number, waitMs: number): Promise<Recorded> {
  const query = queryOf(question)
  const { replies } = await exchange([encodeMessage(query)], { host: '127.0.0.1', port, tcp: question.proto === 'tcp', source: question.src ?? '127.0.0.1', waitMs })
  const bytes = replies[0]
  if (bytes === undefined) return { error: 'no reply' }
  const reply = decodeMessage(bytes)
  const texts = (message: Message) => message.questions.map((each) => `${nameText(each.name)} ${className(each.class)} ${typeName(each.type)}`)
  const same = JSON.stringify(texts(query)) === JSON.stringify(texts(reply))
  const sections = sectionsOf(reply)
  return {
    rcode: rcodeText(reply),
    flags: flagText(reply),
    ...Object.fromEntries(SECTIONS.map((name) => [name, sectionTexts(sections[name])])),
    edns: reply.edns === undefined ? null : { size: reply.edns.udpSize, do: reply.edns.do, version: reply.edns.version, options: reply.edns.options.map((option) => option.code).sort((a, b) => a - b) },
    ...(same ? {} : { question: texts(reply) }),
  }
}

/** Which part of a reply is not as recorded; undefined when all is. `slack`: seconds that a TTL from a cache may be lower. */
export function difference(want: Recorded, got: Recorded, slack: number): string | undefined {
  if (got.error !== undefined) return 'error'
  for (const field of ['rcode', 'flags', 'edns', 'question'] as const) {
    if (JSON.stringify(want[field] ?? null) !== JSON.stringify(got[field] ?? null) && !sameEdns(want[field], got[field])) return field
  }
  return SECTIONS.find((section) => (want.partial === undefined ? !sameTexts(want[section]!, got[section]!, slack) : !partOf(want, got, section, slack)))
}

function sameEdns(a: unknown, b: unknown): boolean {
  const text = (value: unknown) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? JSON.stringify(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1))) : undefined)
  return text(a) !== undefined && text(a) === text(b)
}

function sameTexts(want: readonly string[], got: readonly string[], slack: number): boolean {
  if (want.length !== got.length) return false
  const sorted = (list: readonly string[]) => list.map(splitTtl).sort((a, b) => (a.key < b.key ? -1 : 1))
  const theirs = sorted(got)
  return sorted(want).every((record, i) => record.key === theirs[i]!.key && withinSlack(record.ttl, theirs[i]!.ttl, slack))
}

/** A truncated reply holds a part of the whole answer, of the recorded size. */
function partOf(want: Recorded, got: Recorded, section: (typeof SECTIONS)[number], slack: number): boolean {
  const [least, most] = want.partial![section]!
  const records = got[section]!
  if (records.length < least || records.length > most) return false
  const whole = want[section]!.map(splitTtl)
  return records.map(splitTtl).every((record) => {
    const at = whole.findIndex((other) => other.key === record.key && withinSlack(other.ttl, record.ttl, slack))
    return at >= 0 && whole.splice(at, 1).length === 1
  })
}

function withinSlack(want: number, got: number, slack: number): boolean {
  return slack === 0 ? want === got : want - got >= -3 && want - got <= slack
}

function splitTtl(text: string): { key: string; ttl: number } {
  const [name, ttl, ...rest] = text.split(' ')
  return { key: [name, ...rest].join(' '), ttl: Number(ttl) }
}

function sectionTexts(records: readonly ResourceRecord[]): string[] {
  const texts = records.map(localText).sort()
  return texts.filter((text, i) => !(text.includes('LOCALIP') && texts[i - 1] === text))
}

/** Serials and the machine's own addresses differ from run to run. */
function localText(record: ResourceRecord): string {
  const text = recordText(record)
  if (record.type === TYPE.SOA) return text.replace(/^((?:\S+ ){6})\d+/, '$1SERIAL')
  const address = text.split(' ').at(-1)!
  if ((record.type === TYPE.A || record.type === TYPE.AAAA) && /^ns1?\./i.test(text) && LOCAL.has(address)) return text.replace(address, record.type === TYPE.A ? 'LOCALIP4' : 'LOCALIP6')
  return text
}

function queryOf(question: Question): Message {
  const query = new Message()
  query.id = Math.floor(Math.random() * 65_536)
  query.rd = question.rd ?? true
  query.cd = question.cd ?? false
  query.ad = question.ad ?? false
  query.opcode = question.opcode === undefined ? 0 : OPCODES[question.opcode]!
  query.questions = [{ name: question.name, type: parseType(question.type)!, class: question.class === undefined ? CLASS.IN : parseClass(question.class)! }]
  if (question.edns !== undefined) {
    const options = (question.options ?? []).map(([code, hex]) => ({ code: Number(code), data: Buffer.from(hex, 'hex') }))
    query.edns = { udpSize: question.edns, version: question.version ?? 0, do: question.do ?? false, z: 0, options }
  }
  return query
}
