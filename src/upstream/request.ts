import type { Random } from '../core/env.ts'
import type { QuickQuestion } from '../core/quick-question.ts'
import { TYPE } from '../wire/codes.ts'
import { encodeMessage } from '../wire/encode.ts'
import type { Message } from '../wire/message.ts'
import { skipName } from '../wire/name.ts'

const HEADER_BYTES = 12
const TYPE_AND_CLASS_BYTES = 4
const DATAGRAM_BYTES = 512
const OPT_BYTES = 11
/** In the first and the second octet of the flags, and in an OPT's. */
const RD = 0x01
const AD = 0x20
const CD = 0x10
const DO = 0x8000

/** A question as it goes to upstreams: octets, whose id is set by who sends a copy. */
export interface Request {
  readonly packet: Uint8Array
  /** Where the question section ends, which has one question. */
  readonly questionEnd: number
  /** How long a datagram may be that answers it (RFC 6891 6.2.5). */
  readonly datagramBytes: number
  /** The letters' case is random: an answer must repeat it. */
  readonly exactCase: boolean
  /** Whether a reply over UDP shows that it comes from the upstream, beyond id and question; undefined where there is no more to see. */
  readonly proves?: (reply: Uint8Array) => boolean
}

/** Throws WireError for a message without a wire form. */
export function makeRequest(message: Message): Request {
  const packet = encodeMessage(message)
  return { packet, questionEnd: skipName(packet, HEADER_BYTES) + TYPE_AND_CLASS_BYTES, datagramBytes: Math.max(DATAGRAM_BYTES, message.edns?.udpSize ?? 0), exactCase: false }
}

/** The same for a question as octets, as `makeRequest` would have it of its message. */
export function quickRequest(question: QuickQuestion): Request {
  const { packet, at, questionEnd, optLength, optionsLength } = question
  const octets = Buffer.allocUnsafe(questionEnd + optLength)
  octets.fill(0, 0, HEADER_BYTES)
  octets[2] = question.rd ? RD : 0
  octets[3] = (question.ad || question.stored ? AD : 0) | (question.cd ? CD : 0)
  octets[5] = 1
  for (let i = HEADER_BYTES; i < questionEnd; i++) octets[i] = packet[at + i]!
  if (question.edns) {
    octets[11] = 1
    writeOpt(question, octets, questionEnd)
    for (let i = 0, to = questionEnd + OPT_BYTES; i < optionsLength; i++) octets[to + i] = packet[question.optionsAt + i]!
  }
  return { packet: octets, questionEnd, datagramBytes: Math.max(DATAGRAM_BYTES, question.udpSize), exactCase: false }
}

function writeOpt({ udpSize, do: secure, optionsLength }: QuickQuestion, octets: Buffer, at: number): void {
  octets[at] = 0
  octets.writeUInt16BE(TYPE.OPT, at + 1)
  octets.writeUInt16BE(udpSize, at + 3)
  octets.writeUInt32BE(secure ? DO : 0, at + 5)
  octets.writeUInt16BE(optionsLength, at + 9)
}

/** The same with letters in random case: some bits more to guess for who would forge an answer (draft-vixie-dnsext-dns0x20). */
export function withRandomCase(request: Request, random: Random): Request {
  const packet = Uint8Array.from(request.packet)
  for (let i = HEADER_BYTES; i < request.questionEnd - TYPE_AND_CLASS_BYTES; i++) {
    if (isLetter(packet[i]!) && random.int(2) === 1) packet[i]! ^= 0x20
  }
  return { ...request, packet, exactCase: true }
}

export type Match = 'same' | 'other-case' | 'no'

/** Whether octets are a reply to the question that was asked: that one name, type and class. */
export function matchReply(request: Request, reply: Uint8Array): Match {
  const { packet, questionEnd } = request
  const isReply = reply.length >= questionEnd && (reply[2]! & 0x80) !== 0 && reply[4] === 0 && reply[5] === 1
  if (!isReply) return 'no'
  let match: Match = 'same'
  for (let i = HEADER_BYTES; i < questionEnd; i++) {
    const [asked, got] = [packet[i]!, reply[i]!]
    if (asked === got) continue
    // Length octets are below the letters, so that folding the case cannot make two names of different labels equal.
    if (i >= questionEnd - TYPE_AND_CLASS_BYTES || (asked ^ got) !== 0x20 || !isLetter(asked)) return 'no'
    match = 'other-case'
  }
  return match
}

function isLetter(octet: number): boolean {
  const lower = octet | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

/** The rcode's lower four bits: all that metrics and policies need without looking for an OPT. */
export function rcodeOf(reply: Uint8Array): number {
  return reply[3]! & 0xf
}

export function isTruncated(reply: Uint8Array): boolean {
  return (reply[2]! & 0x02) !== 0
}
