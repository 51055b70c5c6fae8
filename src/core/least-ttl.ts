import { RCODE, TYPE } from '../wire/codes.ts'
import type { Message } from '../wire/message.ts'
import { readSoa } from '../wire/rdata.ts'
import type { ResponseType } from './response-type.ts'

/** For replies whose records say nothing about how long to keep them. */
const SHORT_TTL = 5

/** Seconds that a reply may be kept by what its records say, at most `maximum` (specification 3.13.3). */
export function leastTtl(reply: Message, type: ResponseType, maximum: number): number {
  if (type !== 'NOERROR' && type !== 'NXDOMAIN' && type !== 'NODATA') return SHORT_TTL
  if (reply.answers.length + reply.authorities.length + reply.additionals.length === 0) return SHORT_TTL
  let least = maximum
  for (const section of [reply.answers, reply.authorities, reply.additionals]) for (const record of section) least = Math.min(least, record.ttl)
  return Math.min(least, negativeBound(reply, type))
}

/** RFC 2308 5: a denial is kept no longer than its SOA's MINIMUM says. CoreDNS does not look at it. */
function negativeBound(reply: Message, type: ResponseType): number {
  if (type !== 'NXDOMAIN' && type !== 'NODATA') return Infinity
  const soa = reply.rcode === RCODE.NOERROR || reply.rcode === RCODE.NXDOMAIN ? reply.authorities.find((record) => record.type === TYPE.SOA) : undefined
  return soa === undefined ? Infinity : readSoa(soa.rdata).minimum
}
