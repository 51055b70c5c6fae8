import { TYPE } from './codes.ts'

const HEADER_BYTES = 12
const MESSAGE_LIMIT = 65_535
const NAME_LIMIT = 255
const LABEL_LIMIT = 63
const POINTER = 0xc0
/** Octets of a record that stand between its owner and its rdata. */
const FIELDS_BYTES = 10
/** Rdata of the common types: octets before its names, how many names, and octets behind them. */
const SHAPES: readonly (readonly [type: number, before: number, names: number, behind: number])[] = [
  [TYPE.A, 4, 0, 0], [TYPE.AAAA, 16, 0, 0], [TYPE.NS, 0, 1, 0], [TYPE.CNAME, 0, 1, 0], [TYPE.PTR, 0, 1, 0], [TYPE.MX, 2, 1, 0], [TYPE.SRV, 6, 1, 0], [TYPE.SOA, 0, 2, 20],
]
const ODD = 255
const [BEFORE, NAMES, BEHIND] = [new Uint8Array(256).fill(ODD), new Uint8Array(256), new Uint8Array(256)]
for (const [type, before, names, behind] of SHAPES) {
  BEFORE[type] = before
  NAMES[type] = names
  BEHIND[type] = behind
}

/**
 * The records of a message as `decodeMessage` and `encodeMessage` would make them, without compression, read and written in one go and
 * without an object. It takes messages with one question, records of the common types and a plain OPT; any other is left to the decoder,
 * which also says what is wrong with it. Good until the next one is read.
 */
export class Expansion {
  readonly octets = new Uint8Array(MESSAGE_LIMIT + 1024)
  length = 0
  /** The message's own. */
  flags = 0
  answers = 0
  authorities = 0
  additionals = 0
  /** Octets of header and question. */
  questionEnd = 0
  /** There was an OPT: version 0, without options, and with no bits of an rcode. */
  edns = false
  do = false
  /** The flag bits of the OPT beside DO. */
  z = 0
  #bytes: Uint8Array = this.octets
  #end = 0

  /** False: the decoder has to look at it. */
  read(bytes: Uint8Array): boolean {
    this.#bytes = bytes
    this.#end = bytes.length
    this.length = 0
    this.edns = this.do = false
    this.z = 0
    if (bytes.length < HEADER_BYTES + 5 || this.#word(4) !== 1) return false
    this.flags = this.#word(2)
    const behindName = this.#skipPlainName(HEADER_BYTES)
    if (behindName < 0 || behindName + 4 > this.#end) return false
    this.questionEnd = behindName + 4
    this.answers = this.#word(6)
    this.authorities = this.#word(8)
    let at = this.questionEnd
    for (let left = this.answers + this.authorities; left > 0 && at >= 0; left--) at = this.#record(at)
    return at >= 0 && this.#additionals(at, this.#word(10))
  }

  #additionals(start: number, count: number): boolean {
    this.additionals = 0
    let at = start
    for (let i = 0; i < count; i++) {
      if (this.#bytes[at] === 0 && at + 11 <= this.#end && this.#word(at + 1) === TYPE.OPT) at = this.#opt(at + 1)
      else {
        at = this.#record(at)
        this.additionals++
      }
      if (at < 0) return false
    }
    return true
  }

  /** The offset behind an OPT that says nothing but size and flags, and is the only one. */
  #opt(at: number): number {
    if (this.edns || this.#word(at + 4) !== 0 || this.#word(at + 8) !== 0) return -1
    const flags = this.#word(at + 6)
    this.edns = true
    this.do = (flags & 0x8000) !== 0
    this.z = flags & 0x7fff
    return at + FIELDS_BYTES
  }

  /** Writes the record and gives the offset behind it in the message; -1 when it is not of the common kind. */
  #record(start: number): number {
    const fields = this.#name(start)
    if (fields < 0 || fields + FIELDS_BYTES > this.#end) return -1
    const type = this.#word(fields)
    const rdata = fields + FIELDS_BYTES
    const end = rdata + this.#word(fields + 8)
    if (end > this.#end || end === rdata) return -1
    this.#copy(fields, rdata)
    const begin = this.length
    if (!(type === TYPE.TXT ? this.#strings(rdata, end) : this.#rdata(type, rdata, end))) return -1
    const length = this.length - begin
    this.octets[begin - 2] = length >> 8
    this.octets[begin - 1] = length & 0xff
    return this.length > MESSAGE_LIMIT ? -1 : end
  }

  #rdata(type: number, start: number, end: number): boolean {
    const before = type < 256 ? BEFORE[type]! : ODD
    if (before === ODD || start + before > end) return false
    this.#copy(start, start + before)
    let at = start + before
    for (let i = NAMES[type]!; i > 0; i--) {
      at = this.#name(at)
      if (at < 0 || at > end) return false
    }
    if (at + BEHIND[type]! !== end) return false
    this.#copy(at, end)
    return true
  }

  #strings(start: number, end: number): boolean {
    let at = start
    while (at < end) at += 1 + this.#bytes[at]!
    if (at !== end || this.length + end - start > MESSAGE_LIMIT) return false
    this.#copy(start, end)
    return true
  }

  /** Writes the name at an offset in full and gives the offset behind it; -1 for none. Pointers lead backwards only (see `readName`). */
  #name(start: number): number {
    if (this.length > MESSAGE_LIMIT) return -1
    const { octets } = this
    const bytes = this.#bytes
    const last = this.length + NAME_LIMIT
    let to = this.length
    let next = -1
    let at = start
    let limit = start
    for (;;) {
      if (at >= this.#end) return -1
      const length = bytes[at]!
      if (length >= POINTER) {
        if (at + 1 >= this.#end) return -1
        const target = ((length & 0x3f) << 8) | bytes[at + 1]!
        if (next < 0) next = at + 2
        if (target >= limit) return -1
        limit = at = target
        continue
      }
      if (length > LABEL_LIMIT || to + length + (length === 0 ? 1 : 2) > last || at + length >= this.#end) return -1
      for (const end = at + length; at <= end;) octets[to++] = bytes[at++]!
      if (length === 0) break
    }
    this.length = to
    return next < 0 ? at : next
  }

  #copy(from: number, to: number): void {
    let at = this.length
    for (let i = from; i < to; i++) this.octets[at++] = this.#bytes[i]!
    this.length = at
  }

  #skipPlainName(start: number): number {
    let at = start
    for (let length = this.#bytes[at]!; length !== 0; length = this.#bytes[at]!) {
      if (length > LABEL_LIMIT || at + length + 1 >= this.#end || at + length + 2 - start > NAME_LIMIT) return -1
      at += length + 1
    }
    return at + 1
  }

  #word(at: number): number {
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!
  }
}
