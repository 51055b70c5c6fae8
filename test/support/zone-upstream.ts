import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { parseRcode, typeName } from '../../src/wire/codes.ts'
import { decodeMessage } from '../../src/wire/decode.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { FrameReader } from '../../src/wire/frames.ts'
import { Message, type ResourceRecord } from '../../src/wire/message.ts'
import { targetOf } from '../../src/wire/rdata.ts'
import { parseRecord } from '../../src/wire/record.ts'
import { nameText } from '../conformance/reply.ts'
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
  readonly #udp: Socket
  readonly #tcp: Server

  private constructor(zone: string, port: number, udp: Socket, tcp: Server) {
    this.port = port
    this.#udp = udp
    this.#tcp = tcp
    for (const line of zone.split('\n')) this.#read(line.replace(/#.*/, '').trim())
    udp.on('message', (packet, peer) => udp.send(this.#answer(packet, true), peer.port, peer.address))
    tcp.on('connection', (socket) => {
      const frames = new FrameReader()
      socket.on('error', () => socket.destroy())
      socket.on('data', (chunk) => {
        frames.push(chunk)
        for (let packet = frames.next(); packet !== undefined; packet = frames.next()) {
          const reply = this.#answer(packet, false)
          socket.write(Buffer.concat([Buffer.of(reply.length >> 8, reply.length & 0xff), reply]))
        }
      })
    })
  }

  static async open(zone: string): Promise<ZoneUpstream> {
    const port = await freePort()
    const udp = createSocket('udp4')
    await new Promise<void>((resolve) => {
      udp.bind(port, '127.0.0.1', resolve)
    })
    const tcp = createServer()
    await new Promise<void>((resolve) => {
      tcp.listen(port, '127.0.0.1', resolve)
    })
    return new ZoneUpstream(zone, port, udp, tcp)
  }

  close(): void {
    this.#udp.close()
    this.#tcp.close()
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
