import type { QuickQuestion } from '../../core/quick-question.ts'
import { RCODE, TYPE } from '../../wire/codes.ts'
import { EDE, extendedErrorOption } from '../../wire/edns.ts'
import { TOO_MUCH } from '../refusal.ts'

const QR = 0x80
const FLAGS = { RD: 0x01, CD: 0x10 } as const

/** What an OPT has behind its root name, type, size and flags: the length of its options, and the reason (RFC 8914). */
const REASON = (() => {
  const { code, data } = extendedErrorOption(EDE.PROHIBITED, TOO_MUCH)
  return Uint8Array.of(0, data.length + 4, code >> 8, code & 0xff, 0, data.length, ...data)
})()

/** Writes REFUSED, as `refusal` of src/server/refusal.ts has it, to `to` and gives its length. */
export function writeRefusal(question: QuickQuestion, bytes: Uint8Array, to: number): number {
  const { packet, at, questionEnd, edns } = question
  for (let i = 0; i < questionEnd; i++) bytes[to + i] = packet[at + i]!
  bytes[to + 2] = QR | (question.rd ? FLAGS.RD : 0)
  bytes[to + 3] = (question.cd ? FLAGS.CD : 0) | RCODE.REFUSED
  if (!edns) return questionEnd
  const opt = to + questionEnd
  bytes.set([0, 0, TYPE.OPT, question.udpSize >> 8, question.udpSize & 0xff, 0, 0, question.do ? 0x80 : 0, 0], opt)
  bytes.set(REASON, opt + 9)
  return questionEnd + 9 + REASON.length
}
