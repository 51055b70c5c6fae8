import type { ResponseType } from '../../core/response-type.ts'
import { RCODE, TYPE } from '../../wire/codes.ts'
import type { Message } from '../../wire/message.ts'
import { readSoa } from '../../wire/rdata.ts'
import type { CacheOptions } from './options.ts'

/** For replies whose records say nothing about how long to keep them. */
const SHORT_TTL = 5

/** Seconds that a reply is kept, and that its client is told (specification 3.13.3). */
export function keepSeconds(reply: Message, type: ResponseType, options: CacheOptions): number {
  if (type === 'SERVERERROR') return options.servfailSeconds
  const { maxTtl, minTtl } = type === 'NXDOMAIN' || type === 'NODATA' ? options.denial : options.success
  return Math.min(Math.max(leastTtl(reply, type, maxTtl), minTtl), maxTtl)
}

function leastTtl(reply: Message, type: ResponseType, maximum: number): number {
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
