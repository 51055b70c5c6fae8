import { decodeMessage } from '../../src/wire/decode.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { parseRcode, TYPE, typeName } from '../../src/wire/codes.ts'
import { Message, type Edns } from '../../src/wire/message.ts'
import { txtRdata } from '../../src/wire/rdata.ts'
import { parseRecord } from '../../src/wire/record.ts'
import { DnsListener, type Received } from '../support/dns-listener.ts'
import { nameText } from './reply.ts'

/** One rule of a scripted upstream; see the README beside the cases. */
export interface UpstreamRule {
  readonly name?: string
  readonly type?: string
  readonly times?: number
  readonly answer?: readonly (string | readonly [string, number])[]
  readonly authority?: readonly (string | readonly [string, number])[]
  readonly additional?: readonly (string | readonly [string, number])[]
  readonly rcode?: string
  readonly flags?: string
  readonly opt?: { readonly size?: number; readonly do?: boolean; readonly options?: readonly string[] }
  readonly delay?: number
  readonly drop?: boolean | 'udp' | 'tcp'
  readonly close?: boolean
  readonly tc?: boolean | 'udp'
  readonly wrong?: string
  readonly then?: readonly (string | null)[]
  readonly raw?: string
  readonly describe?: boolean
}

/** A DNS server on loopback that does what its rules say and remembers what it was asked. */
export class ScriptedUpstream {
  readonly #rules: readonly UpstreamRule[]
  readonly #used = new Map<UpstreamRule, number>()
  readonly #listener: Promise<DnsListener>
  #seen: string[] = []
  #closed = false

  private constructor(port: number, rules: readonly UpstreamRule[]) {
    this.#rules = rules
    this.#listener = DnsListener.open(port, (received) => void this.#serve(received))
  }

  static async open(port: number, rules: readonly UpstreamRule[]): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream(port, rules)
    await upstream.#listener
    return upstream
  }

  takeSeen(): string[] {
    return this.#seen.splice(0).sort()
  }

  async close(): Promise<void> {
    this.#closed = true
    const listener = await this.#listener
    listener.close()
  }

  async #serve({ packet, protocol, send, hangUp }: Received): Promise<void> {
    const replies = await this.#answer(packet, protocol === 'udp' ? 'udp' : 'tcp')
    if (this.#closed) return
    if (replies === undefined) hangUp()
    else for (const reply of replies) send(reply)
  }

  /** Undefined: close the connection. */
  async #answer(packet: Uint8Array, protocol: 'udp' | 'tcp'): Promise<Uint8Array[] | undefined> {
    const query = decodeMessage(packet)
    const question = query.questions[0]!
    const [name, type] = [nameText(question.name), typeName(question.type)]
    if (!(name === '.' && type === 'NS')) this.#seen.push(`${name} ${type} ${protocol}`)
    const rule = this.#pick(name.toLowerCase(), type)
    if (rule.delay !== undefined) await new Promise((resolve) => setTimeout(resolve, rule.delay! * 1000))
    if (rule.drop === true || rule.drop === protocol) return []
    if (rule.close === true && protocol === 'tcp') return undefined
    if (rule.raw !== undefined) return [Buffer.concat([packet.subarray(0, 2), Buffer.from(rule.raw, 'hex')])]
    return (rule.then ?? [null]).map((twist) => encodeMessage(build(rule, query, protocol, twist ?? rule.wrong), { compress: true }))
  }

  #pick(name: string, type: string): UpstreamRule {
    for (const rule of this.#rules) {
      const wanted = (rule.name ?? '*').toLowerCase()
      if (wanted !== '*' && wanted !== name && !(wanted.startsWith('*.') && name.endsWith(wanted.slice(1)))) continue
      if ((rule.type ?? '*') !== '*' && rule.type !== type) continue
      const used = this.#used.get(rule) ?? 0
      if (used >= (rule.times ?? Infinity)) continue
      this.#used.set(rule, used + 1)
      return rule
    }
    return { rcode: 'REFUSED' }
  }
}

function build(rule: UpstreamRule, query: Message, protocol: 'udp' | 'tcp', twist: string | undefined): Message {
  const question = query.questions[0]!
  const reply = new Message()
  Object.assign(reply, { id: query.id, qr: true, opcode: query.opcode, rd: query.rd, ra: rule.flags === undefined, questions: [question], rcode: parseRcode(rule.rcode ?? 'NOERROR')! })
  for (const flag of rule.flags?.split(' ') ?? []) Object.assign(reply, { [flag]: true })
  reply.answers = rule.describe === true
    ? [{ name: question.name, type: TYPE.TXT, class: 1, ttl: 60, rdata: txtRdata([describe(query, protocol)]) }]
    : records(rule.answer)
  reply.authorities = records(rule.authority)
  reply.additionals = records(rule.additional)
  if (rule.opt !== undefined) reply.edns = { udpSize: rule.opt.size ?? 1232, version: 0, do: rule.opt.do ?? false, z: 0, options: (rule.opt.options ?? []).map(option) }
  if (rule.tc === true || rule.tc === protocol) Object.assign(reply, { tc: true, answers: [], authorities: [], additionals: [] })
  if (twist === 'id') reply.id ^= 0x5555
  if (twist === 'noqr') reply.qr = false
  if (twist === 'name') reply.questions = [{ ...question, name: 'other.example.' }]
  if (twist === 'type') reply.questions = [{ ...question, type: TYPE.HINFO }]
  if (twist === 'noquestion') reply.questions = []
  if (twist === 'case') reply.questions = [{ ...question, name: question.name.toUpperCase() }]
  return reply
}

/** What a query looked like when it arrived. */
function describe(query: Message, protocol: string): string {
  const flags = (['rd', 'ad', 'cd'] as const).filter((flag) => query[flag])
  const edns: Edns | undefined = query.edns
  const options = edns?.options.map((each) => `${each.code}:${Buffer.from(each.data).toString('hex')}`) ?? []
  const words = edns === undefined ? ['edns=-'] : [`edns=${edns.udpSize} do=${edns.do ? 1 : 0}`, ...options]
  return [protocol, `flags=${flags.join(',') || '-'}`, ...words].join(' ')
}

export function option(text: string): { code: number; data: Uint8Array } {
  const [code, hex] = text.split(':')
  return { code: Number(code), data: Buffer.from(hex ?? '', 'hex') }
}

/** `["text {i}", N]` stands for N lines, counted from 1. */
export function repeated(lines: readonly (string | readonly [string, number])[]): string[] {
  return lines.flatMap((line) => (typeof line === 'string' ? [line] : Array.from({ length: line[1] }, (_, i) => line[0].replaceAll('{i}', String(i + 1)))))
}

function records(lines: UpstreamRule['answer']) {
  return repeated(lines ?? []).map(parseRecord)
}
