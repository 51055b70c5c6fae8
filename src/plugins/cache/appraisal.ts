import type { ResponseType } from '../../core/response-type.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { CLASS, RCODE, TYPE } from '../../wire/codes.ts'
import { samePlainName, skipPlainName } from './octets.ts'

/** Where the question's name stands in a message. */
const NAME_AT = 12
/** Aliases of one answer that are followed. */
const ALIASES = 8
/** Types whose answers are not looked for along aliases, and questions that are none. */
const ODD_TYPES = new Set<number>([TYPE.ANY, TYPE.CNAME, TYPE.AXFR, TYPE.IXFR])

/**
 * What `cacheType`, `answers` and `leastTtl` find out about a message, from the octets of a reply. It knows the replies that nearly all
 * are: what was asked for at the end of its aliases, and denials with a SOA. For any other the message has to be looked at.
 */
export class Appraisal {
  type: ResponseType = 'NOERROR'
  /** The least of all TTLs, and of what a denial's SOA says, in seconds. */
  leastSeconds = 0
  readonly #owners = new Int32Array(ALIASES + 1)

  /** Reads a reply whose question is written. False: it is none of those, and nothing is known. */
  read(question: QuickQuestion, reply: QuickReply): boolean {
    if (ODD_TYPES.has(question.type)) return false
    this.leastSeconds = Infinity
    const behind = this.#answers(question, reply)
    if (behind < 0) return false
    if (reply.answers > 0) {
      this.type = 'NOERROR'
      const authorities = reply.rcode === RCODE.NOERROR ? this.#authorities(reply, behind) : -1
      return authorities >= 0 && this.#others(reply.bytes, authorities, reply.additionals) >= 0
    }
    this.type = reply.rcode === RCODE.NXDOMAIN ? 'NXDOMAIN' : 'NODATA'
    return (reply.rcode === RCODE.NOERROR || reply.rcode === RCODE.NXDOMAIN) && this.#denies(reply, behind)
  }

  /** The offset behind the answers, which are a chain of aliases in order and what was asked for at its end, or none; else -1. */
  #answers({ type: wanted, questionEnd }: QuickQuestion, { bytes, answers }: QuickReply): number {
    let owner = NAME_AT
    let aliases = 0
    let found = answers === 0
    let at = questionEnd
    for (let i = 0; i < answers; i++) {
      const fields = skipPlainName(bytes, at)
      if (!samePlainName(bytes, at, owner) || !this.#takeTtl(bytes, fields)) return -1
      const type = short(bytes, fields)
      if (type === TYPE.CNAME && !found && aliases < ALIASES) {
        this.#owners[aliases++] = owner
        owner = fields + 10
        for (let k = 0; k < aliases; k++) if (samePlainName(bytes, owner, this.#owners[k]!)) return -1
      } else if (type === wanted) found = true
      else return -1
      at = fields + 10 + short(bytes, fields + 8)
    }
    return found ? at : -1
  }

  /** True when there is a SOA among the authorities; the first of them bounds the time (RFC 2308 5). */
  #denies({ bytes, authorities, additionals }: QuickReply, start: number): boolean {
    let denies = false
    let at = start
    for (let i = 0; i < authorities; i++) {
      const fields = skipPlainName(bytes, at)
      if (!this.#takeTtl(bytes, fields) || !isAbove(bytes, at, fields, short(bytes, fields))) return false
      const end = fields + 10 + short(bytes, fields + 8)
      if (short(bytes, fields) === TYPE.SOA && !denies) {
        denies = true
        if (end - fields < 10 + 22) return false
        this.leastSeconds = Math.min(this.leastSeconds, long(bytes, end - 4))
      }
      at = end
    }
    return denies && this.#others(bytes, at, additionals) >= 0
  }

  /** The offset behind the authorities of an answer; -1 when they are not all of zones that hold the name asked for. */
  #authorities({ bytes, authorities }: QuickReply, start: number): number {
    let at = start
    for (let i = 0; i < authorities; i++) {
      const fields = skipPlainName(bytes, at)
      if (!this.#takeTtl(bytes, fields) || !isAbove(bytes, at, fields, short(bytes, fields))) return -1
      at = fields + 10 + short(bytes, fields + 8)
    }
    return at
  }

  #others(bytes: Uint8Array, start: number, count: number): number {
    let at = start
    for (let i = 0; i < count; i++) {
      const fields = skipPlainName(bytes, at)
      if (!this.#takeTtl(bytes, fields)) return -1
      at = fields + 10 + short(bytes, fields + 8)
    }
    return at
  }

  /** False for another class than IN. */
  #takeTtl(bytes: Uint8Array, fields: number): boolean {
    this.leastSeconds = Math.min(this.leastSeconds, long(bytes, fields + 4))
    return short(bytes, fields + 2) === CLASS.IN
  }
}

/** False for a SOA or NS at `at` whose owner, of `end - at` octets, is neither the name asked for nor above it (`inBailiwick`). */
function isAbove(bytes: Uint8Array, at: number, end: number, type: number): boolean {
  if (type !== TYPE.SOA && type !== TYPE.NS) return true
  const length = end - at
  const nameEnd = skipPlainName(bytes, NAME_AT)
  let suffix = NAME_AT
  while (nameEnd - suffix > length) suffix += bytes[suffix]! + 1
  return nameEnd - suffix === length && samePlainName(bytes, suffix, at)
}

function short(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function long(bytes: Uint8Array, at: number): number {
  return short(bytes, at) * 0x10000 + short(bytes, at + 2)
}
