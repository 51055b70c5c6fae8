import type { Random } from '../core/env.ts'
import { encodeMessage } from '../wire/encode.ts'
import type { Message } from '../wire/message.ts'
import { skipName } from '../wire/name.ts'

const HEADER_BYTES = 12
const TYPE_AND_CLASS_BYTES = 4
const DATAGRAM_BYTES = 512

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
