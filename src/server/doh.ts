import { leastTtl } from '../core/least-ttl.ts'
import { responseType } from '../core/response-type.ts'
import { decodeMessage } from '../wire/decode.ts'

/** DNS messages as HTTP carries them (RFC 8484). */
export const DOH_PATH = '/dns-query'
export const DOH_TYPE = 'application/dns-message'

/** Octets of a message. */
export const MESSAGE_LIMIT = 65_536
const BASE64_LIMIT = Math.ceil((MESSAGE_LIMIT * 8 + 5) / 6)
/** Seconds that a reply may be kept at most. */
const AGE_LIMIT = 3600

/** Path and parameters of a request target. */
export function splitTarget(target: string): { readonly path: string; readonly parameters: URLSearchParams } {
  const mark = target.indexOf('?')
  return mark < 0 ? { path: target, parameters: new URLSearchParams() } : { path: target.slice(0, mark), parameters: new URLSearchParams(target.slice(mark + 1)) }
}

/** The query of a GET request: exactly one parameter `dns`, in base64url without padding. Undefined when there is none. */
export function queryParameter(parameters: URLSearchParams): Uint8Array | undefined {
  const values = parameters.getAll('dns')
  const [text] = values
  if (values.length !== 1 || text === undefined || text.length > BASE64_LIMIT) return undefined
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined
  return Buffer.from(text, 'base64url')
}

/** How long a reply may be kept: what its records say (RFC 8484 5.1). */
export function cacheControl(reply: Uint8Array, wallMs: number): string {
  const message = decodeMessage(reply)
  return `max-age=${leastTtl(message, responseType(message, wallMs), AGE_LIMIT)}`
}
