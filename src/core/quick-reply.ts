import { RCODE } from '../wire/codes.ts'
import type { Kept } from './quick.ts'
import type { QuickQuestion } from './quick-question.ts'

const MESSAGE_LIMIT = 65_535
/** UDP replies above these are compressed, which the quick way does not do (specification 11.3). */
const PLAIN_UDP_BYTES = { 1: 1480, 2: 1220 } as const
const FLAG = { QR: 0x8000, AA: 0x0400, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const

/**
 * A reply as octets: header, question, then records in wire form without compression, section by section. One object per thread
 * is used for all replies; what lies in `bytes` is good until the next one begins.
 */
export class QuickReply {
  readonly bytes = new Uint8Array(MESSAGE_LIMIT)
  /** Octets so far; the header is written last. */
  length = 0
  rcode: number = RCODE.NOERROR
  aa = false
  ra = false
  ad = false
  answers = 0
  authorities = 0
  additionals = 0
  /** The stage that said DONE, and its place in the chain. */
  answeredBy = ''
  answeredAt = 0
  /** Set by a store whose answer the packet cache may repeat. */
  kept: Kept | undefined

  /** An empty reply to the question, for a stage to fill. */
  begin(question: QuickQuestion): void {
    this.length = question.questionEnd
    this.rcode = RCODE.NOERROR
    this.aa = this.ra = this.ad = false
    this.answers = this.authorities = this.additionals = 0
    this.answeredBy = ''
    this.kept = undefined
  }

  /** Appends octets `from` to `to` of `source`. False when the message would be too long for any client: the stage says IN_FULL. */
  append(source: Uint8Array, from = 0, to = source.length): boolean {
    let at = this.length
    if (at + to - from > MESSAGE_LIMIT) return false
    // Records are short: a loop is faster than a view and `set`, and makes nothing.
    for (let i = from; i < to; i++) this.bytes[at++] = source[i]!
    this.length = at
    return true
  }

  /** True when the client takes the reply, with its OPT, uncompressed. */
  fits(question: QuickQuestion): boolean {
    const total = this.length + question.optLength
    return total <= question.limit && (question.protocol === 'tcp' || total <= PLAIN_UDP_BYTES[question.family])
  }

  /** Writes header, question and OPT; the message is then octets 0 to `length`. */
  finish(question: QuickQuestion): void {
    this.writeHead(question)
    if (!question.edns) return
    // Its place in the count of additional records, which are fewer than 65,535.
    setShort(this.bytes, 10, this.additionals + 1)
    this.#opt(question)
  }

  /** Writes header and question, without which the octets are no message. */
  writeHead(question: QuickQuestion): void {
    const { bytes } = this
    const { packet, at } = question
    const flags = FLAG.QR | (this.aa ? FLAG.AA : 0) | (question.rd ? FLAG.RD : 0) | (this.ra ? FLAG.RA : 0) | (this.ad ? FLAG.AD : 0) | (question.cd ? FLAG.CD : 0) | this.rcode
    bytes[0] = packet[at]!
    bytes[1] = packet[at + 1]!
    setShort(bytes, 2, flags)
    setShort(bytes, 4, 1)
    setShort(bytes, 6, this.answers)
    setShort(bytes, 8, this.authorities)
    setShort(bytes, 10, this.additionals)
    for (let i = 12, end = question.questionEnd; i < end; i++) bytes[i] = packet[at + i]!
  }

  /** The client's own size and DO, as on the ordinary way. */
  #opt(question: QuickQuestion): void {
    const { bytes } = this
    let at = this.length
    bytes[at] = 0
    setShort(bytes, at + 1, 41)
    setShort(bytes, at + 3, question.udpSize)
    setShort(bytes, at + 5, 0)
    setShort(bytes, at + 7, question.do ? 0x8000 : 0)
    setShort(bytes, at + 9, question.optionsLength)
    at += 11
    for (let i = 0; i < question.optionsLength; i++) bytes[at++] = question.packet[question.optionsAt + i]!
    this.length = at
  }
}

function setShort(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value & 0xff
}
