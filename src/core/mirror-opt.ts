import { fitReply, messageLength } from '../wire/encode.ts'
import { copyMessage, type Query } from './query.ts'

/** Flag bits of an OPT besides DO that are passed on: the upper byte of the 16. */
const KEPT_Z = 0x7f00

/** A reply carries an OPT only if the query did; its size is the client's own. */
export function mirrorOpt(q: Pick<Query, 'request' | 'reply'>, echoed: { has(code: number): boolean }): void {
  const asked = q.request.edns
  if (asked === undefined) return
  const made = q.reply.edns
  q.reply.edns = made === undefined
    ? { ...asked, version: 0, z: asked.z & KEPT_Z, options: asked.options.filter((option) => echoed.has(option.code)) }
    : { udpSize: asked.udpSize, version: 0, do: made.do || asked.do, z: made.z & KEPT_Z, options: made.options }
}

/** Octets that the client takes: its OPT's size over UDP, at least 512 (RFC 6891 6.2.3). */
export function replyLimit(q: Query): number {
  return q.protocol === 'udp' ? Math.max(512, q.request.edns?.udpSize ?? 0) : 65_535
}

/** True when the reply as it stands will go out with TC for want of room. */
export function isCut(q: Query, echoed: { has(code: number): boolean }): boolean {
  const limit = replyLimit(q)
  if (messageLength(q.reply) + (q.request.edns === undefined ? 0 : messageLength(q.request)) <= limit) return false
  const { reply } = q
  q.reply = copyMessage(reply)
  mirrorOpt(q, echoed)
  const octets = fitReply(q.reply, { limit, udp: q.protocol === 'udp', family: q.client.family })
  q.reply = reply
  return (octets[2]! & 0x02) !== 0
}
