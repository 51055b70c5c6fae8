import { sameOctets } from '../../cluster/packed/octets.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { CLASS, TYPE } from '../../wire/codes.ts'
import { SOA_TIMES, soaTtl } from './apex.ts'
import type { QuickHits } from './quick-hits.ts'

const HEADER_BYTES = 12
/** Type, class, TTL and length of rdata. */
const FIXED_BYTES = 10
const RECORDS_LIMIT = 128
const NS_DNS = Uint8Array.from(Buffer.from('\x02ns\x03dns'))
const HOSTMASTER = Uint8Array.from(Buffer.from('\x0ahostmaster'))
/** Octets that a label may have here: others are written differently in text, which is what the ordinary way goes through. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, octet) => (/[-_A-Za-z0-9]/.test(String.fromCharCode(octet)) ? 1 : 0))

/** Writes records into a quick reply, from places in the index's memory and from parts made beforehand. */
export class QuickRecords {
  readonly #ttl: number
  /** Where the records of the present reply begin. */
  readonly #starts = new Int32Array(RECORDS_LIMIT)

  constructor(ttl: number) {
    this.#ttl = ttl
  }

  /** One A or AAAA record per distinct address of that family. */
  addresses(question: QuickQuestion, reply: QuickReply, hits: QuickHits): void {
    const size = question.type === TYPE.A ? 4 : 16
    const first = reply.length + question.nameLength + FIXED_BYTES
    const stride = question.nameLength + FIXED_BYTES + size
    for (let i = 0; i < hits.count; i++) {
      if (hits.addressLength[i] !== size || isAmong(reply, first, stride, hits.memory[i]!, hits.addressAt[i]!, size)) continue
      this.#owner(question, reply)
      this.#fixed(reply, question.type, this.#ttl, size)
      reply.append(hits.memory[i]!, hits.addressAt[i], hits.addressAt[i]! + size)
      reply.answers++
    }
  }

  /** A single address record. */
  address(question: QuickQuestion, reply: QuickReply, address: Uint8Array): void {
    this.#owner(question, reply)
    this.#fixed(reply, question.type, this.#ttl, address.length)
    reply.append(address)
    reply.answers++
  }

  /**
   * SRV records with the addresses of their targets. The service's labels begin at `service` in the question's name, the zone at
   * `zone`. False when a label must be written in the ordinary way.
   */
  services(question: QuickQuestion, reply: QuickReply, hits: QuickHits, service: number, zone: number, endpoints: boolean): boolean {
    // Each hit counts in full, so that the sum of the weights is about 100 however many there are.
    const weight = Math.max(1, Math.floor((100 / (hits.count * 100)) * 100))
    let records = 0
    for (let i = 0; i < hits.count; i++) {
      if (hits.port[i] === -1) continue
      const start = reply.length
      this.#owner(question, reply)
      this.#fixed(reply, TYPE.SRV, this.#ttl, 0)
      const rdata = reply.length
      this.#word(reply, 0)
      this.#word(reply, weight)
      this.#word(reply, hits.port[i]!)
      if (!this.#target(question, reply, hits, i, service, zone, endpoints)) return false
      setWord(reply.bytes, rdata - 2, reply.length - rdata)
      if (this.#repeats(reply, start, 0, records)) reply.length = start
      else this.#starts[records++] = start
    }
    reply.answers = records
    for (let i = 0, first = records; i < hits.count; i++) {
      if (hits.port[i] === -1) continue
      const start = reply.length
      const size = hits.addressLength[i]!
      if (!this.#target(question, reply, hits, i, service, zone, endpoints)) return false
      this.#fixed(reply, size === 4 ? TYPE.A : TYPE.AAAA, this.#ttl, size)
      reply.append(hits.memory[i]!, hits.addressAt[i], hits.addressAt[i]! + size)
      if (this.#repeats(reply, start, first, records)) reply.length = start
      else this.#starts[records++] = start
    }
    reply.additionals = records - reply.answers
    return true
  }

  /** A PTR record to an endpoint's label, if there is one, then the labels of a service in `name`, then `suffix`. False as for `services`. */
  pointer(question: QuickQuestion, reply: QuickReply, hits: QuickHits | undefined, names: readonly { readonly bytes: Uint8Array; readonly at: number; readonly length: number }[], suffix: Uint8Array): boolean {
    this.#owner(question, reply)
    this.#fixed(reply, TYPE.PTR, this.#ttl, 0)
    const rdata = reply.length
    if (hits !== undefined && !this.#label(reply, hits, 0)) return false
    for (let i = 0; i < names.length; i++) {
      const { bytes, at, length } = names[i]!
      if (!this.#plainLabel(reply, bytes, at, length)) return false
    }
    reply.append(suffix)
    if (reply.length - rdata > 255) return false
    setWord(reply.bytes, rdata - 2, reply.length - rdata)
    reply.answers = 1
    return true
  }

  /** The SOA of the zone that begins at `zone` in the question's name, as the only record of a negative answer. */
  soa(question: QuickQuestion, reply: QuickReply, zone: number, serial: number): void {
    this.#zone(question, reply, zone)
    this.#fixed(reply, TYPE.SOA, soaTtl(this.#ttl), 0)
    const rdata = reply.length
    reply.append(NS_DNS)
    this.#zone(question, reply, zone)
    reply.append(HOSTMASTER)
    this.#zone(question, reply, zone)
    this.#long(reply, serial)
    this.#long(reply, SOA_TIMES.refresh)
    this.#long(reply, SOA_TIMES.retry)
    this.#long(reply, SOA_TIMES.expire)
    this.#long(reply, this.#ttl)
    setWord(reply.bytes, rdata - 2, reply.length - rdata)
    reply.authorities = 1
  }

  /** The question's name in the client's letter case. */
  #owner(question: QuickQuestion, reply: QuickReply): void {
    const start = question.at + HEADER_BYTES
    reply.append(question.packet, start, start + question.nameLength)
  }

  #zone(question: QuickQuestion, reply: QuickReply, zone: number): void {
    const start = question.at + HEADER_BYTES
    reply.append(question.packet, start + zone, start + question.nameLength)
  }

  /** `[LABEL.]SERVICE.NAMESPACE.svc.ZONE`: what the index says in lower case, the zone in the client's. */
  #target(question: QuickQuestion, reply: QuickReply, hits: QuickHits, i: number, service: number, zone: number, endpoint: boolean): boolean {
    const start = reply.length
    if (endpoint && !this.#label(reply, hits, i)) return false
    reply.append(question.name, service, zone)
    this.#zone(question, reply, zone)
    return reply.length - start <= 255
  }

  #label(reply: QuickReply, hits: QuickHits, i: number): boolean {
    if (hits.labelAt[i]! >= 0) return this.#plainLabel(reply, hits.memory[i]!, hits.labelAt[i]!, hits.labelLength[i]!)
    if (hits.addressLength[i] !== 4) return false
    const lengthAt = reply.length
    reply.length = hits.writeAddressLabel(hits.memory[i]!, hits.addressAt[i]!, reply.bytes, lengthAt + 1)
    reply.bytes[lengthAt] = reply.length - lengthAt - 1
    return true
  }

  #plainLabel(reply: QuickReply, bytes: Uint8Array, at: number, length: number): boolean {
    if (length === 0 || length > 63) return false
    if (!isPlain(bytes, at, length)) return false
    reply.bytes[reply.length++] = length
    return reply.append(bytes, at, at + length)
  }

  /** The octets from `start` on are a record that stands among those from number `first` on already. */
  #repeats(reply: QuickReply, start: number, first: number, end: number): boolean {
    for (let i = first; i < end; i++) {
      const other = this.#starts[i]!
      const length = (i + 1 < end ? this.#starts[i + 1]! : start) - other
      if (length === reply.length - start && sameOctets(reply.bytes, other, reply.bytes, start, length)) return true
    }
    return false
  }

  #fixed(reply: QuickReply, type: number, ttl: number, length: number): void {
    this.#word(reply, type)
    this.#word(reply, CLASS.IN)
    this.#long(reply, ttl)
    this.#word(reply, length)
  }

  #word(reply: QuickReply, value: number): void {
    setWord(reply.bytes, reply.length, value)
    reply.length += 2
  }

  #long(reply: QuickReply, value: number): void {
    this.#word(reply, value >>> 16)
    this.#word(reply, value & 0xffff)
  }
}

/** Whether a label's octets read the same in text. */
export function isPlain(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (PLAIN[bytes[i]!] === 0) return false
  return true
}

/** Whether the address stands at the end of one of the records so far, which all have the same size. */
function isAmong(reply: QuickReply, first: number, stride: number, bytes: Uint8Array, at: number, size: number): boolean {
  for (let rdata = first; rdata < reply.length; rdata += stride) if (sameOctets(reply.bytes, rdata, bytes, at, size)) return true
  return false
}

function setWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value & 0xff
}
