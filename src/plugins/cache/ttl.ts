import { leastTtl } from '../../core/least-ttl.ts'
import type { ResponseType } from '../../core/response-type.ts'
import type { Message } from '../../wire/message.ts'
import type { CacheOptions } from './options.ts'

/** Seconds that a reply is kept, and that its client is told (specification 3.13.3). */
export function keepSeconds(reply: Message, type: ResponseType, options: CacheOptions): number {
  if (type === 'SERVERERROR') return options.servfailSeconds
  const { maxTtl, minTtl } = type === 'NXDOMAIN' || type === 'NODATA' ? options.denial : options.success
  return Math.min(Math.max(leastTtl(reply, type, maxTtl), minTtl), maxTtl)
}
