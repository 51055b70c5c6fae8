import { decodeMessage } from '../wire/decode.ts'
import { encodeMessage } from '../wire/encode.ts'
import { OPCODE, RCODE } from '../wire/codes.ts'
import { Message, WireError } from '../wire/message.ts'

/** What becomes of a packet before any stage sees it (specification 2.1). */
export type Acceptance =
  | { readonly kind: 'query'; readonly request: Message }
  /** Answered at once; never counted, never shown to a stage. */
  | { readonly kind: 'reject'; readonly reply: Uint8Array }
  /** Too short, or itself a reply. */
  | { readonly kind: 'ignore' }

const HEADER_BYTES = 12
const QR = 0x8000
/** Flag bits that a rejection carries over from the query: TC, RD, RA, AD and CD; not AA, and not the reserved bit. */
const REJECT_FLAGS = 0x0200 | 0x0100 | 0x0080 | 0x0020 | 0x0010

/** Decides over a packet as it came from the network; never throws. The message holds no reference to the packet's buffer. */
export function acceptPacket(packet: Uint8Array): Acceptance {
  if (packet.length < HEADER_BYTES) return { kind: 'ignore' }
  const flags = word(packet, 2)
  if ((flags & QR) !== 0) return { kind: 'ignore' }
  const opcode = (flags >> 11) & 0xf
  if (opcode !== OPCODE.QUERY && opcode !== OPCODE.NOTIFY) return { kind: 'reject', reply: rejection(packet, opcode, RCODE.NOTIMP) }
  if (!countsAreSane(packet)) return { kind: 'reject', reply: rejection(packet, OPCODE.QUERY, RCODE.FORMERR) }
  try {
    return { kind: 'query', request: decodeMessage(packet) }
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return { kind: 'reject', reply: formatError(packet, error) }
  }
}

function countsAreSane(packet: Uint8Array): boolean {
  return word(packet, 4) === 1 && word(packet, 6) <= 1 && word(packet, 8) <= 1 && word(packet, 10) <= 2
}

/** A header and nothing else. */
function rejection(packet: Uint8Array, opcode: number, rcode: number): Uint8Array {
  const reply = new Uint8Array(HEADER_BYTES)
  reply[0] = packet[0]!
  reply[1] = packet[1]!
  const flags = QR | (opcode << 11) | (word(packet, 2) & REJECT_FLAGS) | rcode
  reply[2] = flags >> 8
  reply[3] = flags & 0xff
  return reply
}

/** FORMERR with the question, if that much could be read. */
function formatError(packet: Uint8Array, error: WireError): Uint8Array {
  const question = error.partial?.questions[0]
  const bare = rejection(packet, OPCODE.QUERY, RCODE.FORMERR)
  if (question === undefined) return bare
  const message = new Message()
  message.questions = [question]
  const reply = encodeMessage(message)
  reply.set(bare.subarray(0, 4))
  return reply
}

function word(packet: Uint8Array, at: number): number {
  return (packet[at]! << 8) | packet[at + 1]!
}
