import { leastTtl } from '../../core/least-ttl.ts'
import type { ResponseType } from '../../core/response-type.ts'
import type { Message } from '../../wire/message.ts'
import type { CacheOptions, StoreOptions } from './options.ts'

/** The last seconds of an entry's time, in which hits make it be refreshed; 0 without prefetch. */
export function refreshSeconds(ttl: number, options: CacheOptions): number {
  const { amount, percentage } = options.prefetch
  return amount > 0 ? Math.ceil((percentage / 100) * ttl) : 0
}

/** Seconds that a reply is kept, and that its client is told (specification 3.13.3). */
export function keepSeconds(reply: Message, type: ResponseType, options: CacheOptions): number {
  if (type === 'SERVERERROR') return options.servfailSeconds
  return withinBounds(leastTtl(reply, type, boundsOf(type, options).maxTtl), type, options)
}

/** The same by the least of the TTLs, and of what a denial's SOA says. */
export function withinBounds(leastSeconds: number, type: ResponseType, options: CacheOptions): number {
  const { maxTtl, minTtl } = boundsOf(type, options)
  return Math.min(Math.max(leastSeconds, minTtl), maxTtl)
}

function boundsOf(type: ResponseType, options: CacheOptions): StoreOptions {
  return type === 'NXDOMAIN' || type === 'NODATA' ? options.denial : options.success
}
