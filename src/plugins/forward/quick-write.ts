import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { RCODE } from '../../wire/codes.ts'
import type { Expansion } from '../../wire/expansion.ts'

const FLAG = { OPCODE: 0x7800, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, Z: 0x0040, AD: 0x0020, CD: 0x0010 } as const

/**
 * Makes an upstream's answer the reply. False for what is not common, and for what the ordinary way would pass on in another form than
 * `QuickReply` has.
 */
export function writeReply(question: QuickQuestion, answer: Expansion, reply: QuickReply): boolean {
  const { flags } = answer
  const rcode = flags & 0xf
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return false
  if ((flags & (FLAG.OPCODE | FLAG.TC | FLAG.Z)) !== 0 || ((flags & FLAG.RD) !== 0) !== question.rd || ((flags & FLAG.CD) !== 0) !== question.cd) return false
  // A store drops the upstream's OPT; without one it is part of what is told and counted.
  if ((answer.edns && !question.stored) || !reply.append(answer.octets, 0, answer.length)) return false
  reply.rcode = rcode
  reply.aa = (flags & FLAG.AA) !== 0
  reply.ra = (flags & FLAG.RA) !== 0
  reply.ad = (flags & FLAG.AD) !== 0
  reply.answers = answer.answers
  reply.authorities = answer.authorities
  reply.additionals = answer.additionals
  return true
}
