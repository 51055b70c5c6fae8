import type { Random } from '../../core/env.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { RCODE, TYPE } from '../../wire/codes.ts'
import { isAddress } from '../../wire/rdata.ts'

/** No reply has more records: the shortest has 11 octets. */
const RECORDS_LIMIT = 6000
/** Where records begin, of which type they are, and in which order they will be; for one section at a time. */
const starts = new Int32Array(RECORDS_LIMIT + 1)
const types = new Int32Array(RECORDS_LIMIT)
const order = new Int32Array(RECORDS_LIMIT)
const scratch = new Uint8Array(65_535)

/** Round robin over octets: the same order, from the same chances, as over records. */
export function shuffleOctets(question: QuickQuestion, reply: QuickReply, random: Random): void {
  if (reply.rcode !== RCODE.NOERROR || question.type === TYPE.AXFR || question.type === TYPE.IXFR) return
  let at = question.questionEnd
  at = shuffleSection(reply, at, reply.answers, random)
  at = shuffleSection(reply, at, reply.authorities, random)
  shuffleSection(reply, at, reply.additionals, random)
}

/** Gives the offset behind the section. */
function shuffleSection({ bytes }: QuickReply, start: number, count: number, random: Random): number {
  let at = start
  for (let i = 0; i < count; i++) {
    starts[i] = at
    while (bytes[at] !== 0) at += bytes[at]! + 1
    types[i] = (bytes[at + 1]! << 8) | bytes[at + 2]!
    at += 11 + ((bytes[at + 9]! << 8) | bytes[at + 10]!)
  }
  starts[count] = at
  if (count < 2) return at
  let placed = 0
  for (let i = 0; i < count; i++) if (types[i] === TYPE.CNAME) order[placed++] = i
  for (let i = 0; i < count; i++) if (isOther(types[i]!)) order[placed++] = i
  const addresses = placed
  for (let i = 0; i < count; i++) if (isAddress(types[i]!)) order[placed++] = i
  const exchanges = placed
  for (let i = 0; i < count; i++) if (types[i] === TYPE.MX) order[placed++] = i
  shuffle(addresses, exchanges, random)
  shuffle(exchanges, count, random)
  reorder(bytes, start, at, count)
  return at
}

function isOther(type: number): boolean {
  return type !== TYPE.CNAME && type !== TYPE.MX && !isAddress(type)
}

function shuffle(from: number, end: number, random: Random): void {
  for (let i = from; i < end - 1; i++) {
    const j = i + Math.floor(random.float() * (end - i))
    const held = order[i]!
    order[i] = order[j]!
    order[j] = held
  }
}

function reorder(bytes: Uint8Array, start: number, end: number, count: number): void {
  for (let i = start; i < end; i++) scratch[i] = bytes[i]!
  let to = start
  for (let i = 0; i < count; i++) {
    const record = order[i]!
    for (let from = starts[record]!; from < starts[record + 1]!;) bytes[to++] = scratch[from++]!
  }
}
