import { TYPE } from './codes.ts'
import { canonicalOption } from './edns.ts'
import { Message, type Edns, type EdnsOption, type Question, type ResourceRecord } from './message.ts'
import { nameToWire, readName, type Name } from './name.ts'
import { join } from './rdata.ts'
import { NAME_LAYOUTS, namesAt } from './rdata-names.ts'
import { canonicalRdata } from './rdata-check.ts'
import { WireError } from './wire-error.ts'

const HEADER_BYTES = 12

/**
 * Reads a whole message. Names in rdata are expanded and everything is copied, so the packet's memory can be used again.
 * What follows the last record is ignored, and a packet that ends exactly between two records has those it has (specification 17.9).
 * Throws WireError, whose `partial` holds what had been read.
 */
export function decodeMessage(packet: Uint8Array): Message {
  if (packet.length < HEADER_BYTES) throw new WireError('short', packet.length, 'the packet is shorter than a header')
  const message = new Message()
  readHeader(packet, message)
  const reader = new Reader(packet)
  try {
    const questions = word(packet, 4)
    for (let i = 0; i < questions && !reader.atEnd; i++) message.questions.push(reader.question())
    readRecords(reader, word(packet, 6), message.answers)
    readRecords(reader, word(packet, 8), message.authorities)
    readAdditionals(reader, word(packet, 10), message)
  } catch (error) {
    if (error instanceof WireError) error.partial = message
    throw error
  }
  return message
}

/** Fills in id, flags and the lower four bits of the rcode. */
export function readHeader(packet: Uint8Array, message: Message): void {
  const flags = word(packet, 2)
  message.id = word(packet, 0)
  message.qr = (flags & 0x8000) !== 0
  message.opcode = (flags >> 11) & 0xf
  message.aa = (flags & 0x0400) !== 0
  message.tc = (flags & 0x0200) !== 0
  message.rd = (flags & 0x0100) !== 0
  message.ra = (flags & 0x0080) !== 0
  message.z = (flags & 0x0040) !== 0
  message.ad = (flags & 0x0020) !== 0
  message.cd = (flags & 0x0010) !== 0
  message.rcode = flags & 0xf
}

function readRecords(reader: Reader, count: number, into: ResourceRecord[]): void {
  for (let i = 0; i < count && !reader.atEnd; i++) {
    const record = reader.record()
    // An OPT that is out of place means nothing, but must be sound.
    if (record.type === TYPE.OPT) readOpt(record, reader.at - record.rdata.length)
    into.push(record)
  }
}

/** The OPT is taken out of the section; of several the last one counts, as in CoreDNS (RFC 6891 6.1.1 calls it malformed). */
function readAdditionals(reader: Reader, count: number, message: Message): void {
  for (let i = 0; i < count && !reader.atEnd; i++) {
    const record = reader.record()
    if (record.type !== TYPE.OPT) {
      message.additionals.push(record)
      continue
    }
    message.edns = readOpt(record, reader.at - record.rdata.length)
    message.rcode = (message.rcode & 0xf) | ((record.ttl >>> 24) << 4)
  }
}

/** The fields of an OPT record (RFC 6891 6.1.2, 6.1.3). */
function readOpt(record: ResourceRecord, offset: number): Edns {
  const options: EdnsOption[] = []
  const { rdata } = record
  for (let at = 0; at < rdata.length;) {
    if (at + 4 > rdata.length) throw new WireError('bad-opt', offset + at, 'an EDNS option without a whole header')
    const code = word(rdata, at)
    const end = at + 4 + word(rdata, at + 2)
    if (end > rdata.length) throw new WireError('bad-opt', offset + at, 'an EDNS option longer than its record')
    const data = canonicalOption(code, rdata.subarray(at + 4, end))
    if (data === undefined) throw new WireError('bad-opt', offset + at, `EDNS option ${code} is malformed`)
    options.push({ code, data })
    at = end
  }
  const flags = record.ttl & 0xffff
  return { udpSize: record.class, version: (record.ttl >>> 16) & 0xff, do: (flags & 0x8000) !== 0, z: flags & 0x7fff, options }
}

class Reader {
  at = HEADER_BYTES
  readonly #packet: Uint8Array

  constructor(packet: Uint8Array) {
    this.#packet = packet
  }

  get atEnd(): boolean {
    return this.at >= this.#packet.length
  }

  /** A packet may end behind the name or behind the type; what is missing is 0. */
  question(): Question {
    const name = this.#name()
    if (this.atEnd) return { name, type: 0, class: 0 }
    const type = this.#word()
    return { name, type, class: this.atEnd ? 0 : this.#word() }
  }

  record(): ResourceRecord {
    const name = this.#name()
    const type = this.#word()
    const klass = this.#word()
    const ttl = this.#word() * 0x10000 + this.#word()
    const length = this.#word()
    const end = this.at + length
    if (end > this.#packet.length) throw new WireError('short', this.at, 'the packet ends inside rdata')
    const rdata = this.#rdata(type, end)
    this.at = end
    return { name, type, class: klass, ttl, rdata }
  }

  #rdata(type: number, end: number): Uint8Array {
    const layout = NAME_LAYOUTS.get(type)
    const start = this.at
    if (layout === undefined || start === end) {
      return canonicalRdata(type, this.#packet.slice(start, end), start)
    }
    let at = Math.min(namesAt(type, layout, this.#packet, start, end), end)
    const parts = [this.#packet.subarray(start, at)]
    for (let i = 0; i < layout.names && at < end; i++) {
      const { name, next } = readName(this.#packet, at)
      parts.push(nameToWire(name))
      at = next
    }
    if (at > end) throw new WireError('bad-rdata', start, 'a name that runs past its rdata')
    parts.push(this.#packet.subarray(at, end))
    return canonicalRdata(type, join(parts), start)
  }

  #name(): Name {
    const { name, next } = readName(this.#packet, this.at)
    this.at = next
    return name
  }

  #word(): number {
    if (this.at + 2 > this.#packet.length) throw new WireError('short', this.at, 'the packet ends inside a field')
    const value = word(this.#packet, this.at)
    this.at += 2
    return value
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
