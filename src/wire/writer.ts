import type { Message, ResourceRecord } from './message.ts'
import { labelStarts, parentOf, readName, wireLength, writeName, type Name } from './name.ts'
import { optRecord } from './opt.ts'
import { NAME_LAYOUTS, namesAt } from './rdata-names.ts'
import { WireError } from './wire-error.ts'

const HEADER_BYTES = 12
const MESSAGE_LIMIT = 65_535
/** A pointer has 14 bits. */
const POINTER_LIMIT = 0x4000

/** All writing goes through this memory; `finish` copies out. One message at a time is written, so one buffer is enough. */
const scratch = new Uint8Array(MESSAGE_LIMIT + 512)
const scratchView = new DataView(scratch.buffer)

/** Writes one message. Not to be used after `finish`, nor two at a time. */
export class Writer {
  readonly #message: Message
  readonly #compress: boolean
  /** Where each name suffix stands that a pointer can lead to. Letter case counts, so that it is kept (RFC 1035 2.3.3). */
  readonly #suffixes = new Map<Name, number>()
  #at = HEADER_BYTES

  constructor(message: Message, compress: boolean) {
    this.#message = message
    this.#compress = compress
    for (const question of message.questions) {
      this.#name(question.name, true)
      this.#word(question.type)
      this.#word(question.class)
    }
  }

  record(record: ResourceRecord): void {
    this.#name(record.name, true)
    this.#word(record.type)
    this.#word(record.class)
    scratchView.setUint32(this.#at, record.ttl)
    this.#at += 6
    const start = this.#at
    this.#need(record.rdata.length)
    this.#rdata(record)
    scratchView.setUint16(start - 2, this.#at - start)
  }

  /** False when the record would end past `budget` octets; then nothing of it is written. */
  recordWithin(record: ResourceRecord, budget: number): boolean {
    const start = this.#at
    if (start >= budget) return false
    if (start + wireLength(record.name) + 10 + record.rdata.length <= scratch.length) {
      this.record(record)
      if (this.#at <= budget) return true
    }
    this.#at = start
    return false
  }

  /** Header and OPT, then the octets. */
  finish(answers: number, authorities: number, additionals: number, truncated = false): Uint8Array {
    const message = this.#message
    const { edns } = message
    if (edns !== undefined) this.record(optRecord(edns, message.rcode))
    if (message.rcode > 0xfff || (message.rcode > 0xf && edns === undefined)) {
      throw new WireError('bad-rcode', 2, `rcode ${message.rcode} needs an OPT record`)
    }
    if (this.#at > MESSAGE_LIMIT) throw new WireError('long-message', this.#at, `a message of more than ${MESSAGE_LIMIT} octets`)
    scratchView.setUint16(0, message.id)
    scratchView.setUint16(2, flagsOf(message, truncated))
    scratchView.setUint16(4, message.questions.length)
    scratchView.setUint16(6, answers)
    scratchView.setUint16(8, authorities)
    scratchView.setUint16(10, additionals + (edns === undefined ? 0 : 1))
    return scratch.slice(0, this.#at)
  }

  #rdata(record: ResourceRecord): void {
    const { rdata } = record
    const layout = this.#compress ? NAME_LAYOUTS.get(record.type) : undefined
    if (layout === undefined || rdata.length === 0) return this.#bytes(rdata)
    const first = namesAt(record.type, layout, rdata, 0, rdata.length)
    this.#bytes(rdata.subarray(0, first))
    let at = first
    for (let i = 0; i < layout.names; i++) {
      const { name, next } = readName(rdata, at)
      this.#name(name, layout.compress)
      at = next
    }
    this.#bytes(rdata.subarray(at))
  }

  #name(name: Name, compressible: boolean): void {
    this.#need(256)
    if (!this.#compress || name === '.') {
      this.#at = writeName(name, scratch, this.#at)
      return
    }
    this.#compressed(name, compressible)
  }

  /**
   * Writes labels until the rest of the name stands somewhere already, then a pointer to it (RFC 1035 4.1.4). A name that must
   * not be compressed itself, such as the target of a SRV record, can still be pointed to.
   */
  #compressed(name: Name, compressible: boolean): void {
    const starts = labelStarts(name)
    let known = -1
    let written = starts.length
    for (const [i, start] of compressible ? starts.entries() : []) {
      const at = this.#suffixes.get(name.slice(start))
      if (at === undefined || at >= this.#at) continue
      known = at
      written = i
      break
    }
    const begin = this.#at
    const end = writeName(name, scratch, begin)
    let at = begin
    for (let i = 0, rest = name; i < written; i++, rest = parentOf(rest)) {
      if (at < POINTER_LIMIT && !this.#suffixes.has(rest)) this.#suffixes.set(rest, at)
      at += scratch[at]! + 1
    }
    if (known < 0) {
      this.#at = end
      return
    }
    scratchView.setUint16(at, 0xc000 | known)
    this.#at = at + 2
  }

  #bytes(bytes: Uint8Array): void {
    this.#need(bytes.length)
    scratch.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #word(value: number): void {
    this.#need(12)
    scratchView.setUint16(this.#at, value)
    this.#at += 2
  }

  #need(octets: number): void {
    if (this.#at + octets > scratch.length) throw new WireError('long-message', this.#at, `a message of more than ${MESSAGE_LIMIT} octets`)
  }
}

function flagsOf(message: Message, truncated: boolean): number {
  return (message.qr ? 0x8000 : 0) | (message.opcode << 11) | (message.aa ? 0x0400 : 0) | (message.tc || truncated ? 0x0200 : 0)
    | (message.rd ? 0x0100 : 0) | (message.ra ? 0x0080 : 0) | (message.z ? 0x0040 : 0) | (message.ad ? 0x0020 : 0)
    | (message.cd ? 0x0010 : 0) | (message.rcode & 0xf)
}
