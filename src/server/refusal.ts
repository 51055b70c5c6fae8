import { replyTo } from '../core/query.ts'
import { RCODE } from '../wire/codes.ts'
import { EDE, extendedErrorOption } from '../wire/edns.ts'
import { encodeMessage } from '../wire/encode.ts'
import type { Message } from '../wire/message.ts'

/** REFUSED, with the reason for clients with EDNS (RFC 8914). */
export function refusal(request: Message, text: string): Uint8Array {
  const reply = replyTo(request, RCODE.REFUSED)
  const { edns } = request
  if (edns !== undefined) reply.edns = { udpSize: edns.udpSize, version: 0, do: edns.do, z: 0, options: [extendedErrorOption(EDE.PROHIBITED, text)] }
  return encodeMessage(reply)
}

/** What a client is told that asks more than its share. */
export const TOO_MUCH = 'too many queries from this client at a time of overload'
