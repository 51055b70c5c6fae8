import { parseRcode, typeName } from '../../src/wire/codes.ts'
import { decodeMessage } from '../../src/wire/decode.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message, type ResourceRecord } from '../../src/wire/message.ts'
import { targetOf } from '../../src/wire/rdata.ts'
import { parseRecord } from '../../src/wire/record.ts'
import { nameText } from '../conformance/reply.ts'
import { DnsListener } from './dns-listener.ts'
import { freePort } from './ports.ts'

/**
 * An upstream on a loopback port: answers from a list of records, NXDOMAIN for everything else. Lines are `NAME TTL TYPE RDATA`
 * or `NAME RCODE CODE`; `#` begins a comment.
 */
export class ZoneUpstream {
  readonly port: number
  /** When set, every question gets this rcode. */
  failing: number | undefined
  /** Questions that came, as `name type protocol`. */
  readonly asked: string[] = []
  readonly #records = new Map<string, ResourceRecord[]>()
  readonly #rcodes = new Map<string, number>()
  #listener: DnsListener | undefined

  private constructor(zone: string, port: number) {
    this.port = port
    for (const line of zone.split('\n')) this.#read(line.replace(/#.*/, '').trim())
  }

  static async open(zone: string): Promise<ZoneUpstream> {
    const upstream = new ZoneUpstream(zone, await freePort())
    upstream.#listener = await DnsListener.open(upstream.port, ({ packet, protocol, send }) => send(upstream.#answer(packet, protocol === 'udp')))
    return upstream
  }

  close(): void {
    this.#listener?.close()
  }

  #read(line: string): void {
    if (line === '') return
    const [name, ttl, ...rest] = line.split(/\s+/)
    const key = name!.toLowerCase()
    if (ttl === 'RCODE') this.#rcodes.set(key, parseRcode(rest[0]!)!)
    else this.#records.set(key, [...(this.#records.get(key) ?? []), parseRecord(`${name} ${ttl} IN ${line.split(/\s+/).slice(2).join(' ')}`)])
  }

  #answer(packet: Uint8Array, udp: boolean): Uint8Array {
    const query = decodeMessage(packet)
    const question = query.questions[0]!
    const reply = new Message()
    Object.assign(reply, { id: query.id, qr: true, opcode: query.opcode, rd: query.rd, ra: true, questions: query.questions })
    if (query.edns !== undefined) reply.edns = { udpSize: 1232, version: 0, do: query.edns.do, z: 0, options: [] }
    const name = nameText(question.name).toLowerCase()
    this.asked.push(`${name} ${typeName(question.type)} ${udp ? 'udp' : 'tcp'}`)
    const rcode = this.failing ?? this.#rcodes.get(name)
    if (rcode === undefined) this.#walk(reply, name)
    else reply.rcode = rcode
    const bytes = encodeMessage(reply)
    if (!udp || bytes.length <= Math.max(512, query.edns?.udpSize ?? 512)) return bytes
    Object.assign(reply, { answers: [], authorities: [], additionals: [], tc: true })
    return encodeMessage(reply)
  }

  #walk(reply: Message, name: string): void {
    const question = reply.questions[0]!
    let owner = name
    for (let hops = 0; hops < 9; hops++) {
      const records = this.#records.get(owner)
      if (records === undefined && ![...this.#records.keys()].some((key) => key.endsWith(`.${owner}`))) reply.rcode = 3
      const wanted = (records ?? []).filter((record) => record.type === question.type)
      const alias = (records ?? []).find((record) => typeName(record.type) === 'CNAME')
      const found = wanted.length > 0 ? wanted : alias === undefined ? [] : [alias]
      reply.answers.push(...found.map((record) => (hops === 0 ? { ...record, name: question.name } : record)))
      if (wanted.length > 0) return
      if (alias === undefined) break
      owner = targetOf(alias.type, alias.rdata)!.toLowerCase()
    }
    reply.authorities.push(parseRecord(`${owner.endsWith('example.com.') ? 'example.com.' : '.'} 60 IN SOA ns.up.test. root.up.test. 7 3600 600 86400 60`))
  }
}
