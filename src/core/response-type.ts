import { CLASS, OPCODE, RCODE, TYPE } from '../wire/codes.ts'
import type { Message, ResourceRecord } from '../wire/message.ts'
import { readRrsig } from '../wire/rdata.ts'

/** What kind of answer a reply is (specification 2.6). Shared by `cache`, `log` and `dns64`. */
export type ResponseType = 'NOERROR' | 'DELEGATION' | 'NXDOMAIN' | 'NODATA' | 'SERVERERROR' | 'OTHERERROR' | 'META' | 'UPDATE'
export type ResponseClass = 'success' | 'denial' | 'error'

/** `wallMs` decides whether signatures have expired. */
export function responseType(reply: Message, wallMs: number): ResponseType {
  if (reply.opcode === OPCODE.UPDATE) return 'UPDATE'
  const qtype = reply.questions[0]?.type
  if (reply.opcode === OPCODE.NOTIFY || qtype === TYPE.AXFR || qtype === TYPE.IXFR) return 'META'
  if (reply.edns?.do === true && hasExpiredSignature(reply, wallMs)) return 'OTHERERROR'
  const answers = reply.answers.length > 0
  if (answers && reply.rcode === RCODE.NOERROR) return 'NOERROR'
  if (answers && reply.rcode === RCODE.NXDOMAIN) return 'OTHERERROR'
  if (reply.rcode === RCODE.NOERROR && has(reply.authorities, TYPE.SOA)) return 'NODATA'
  if (reply.rcode === RCODE.NXDOMAIN) return 'NXDOMAIN'
  if (reply.rcode === RCODE.SERVFAIL || reply.rcode === RCODE.NOTIMP) return 'SERVERERROR'
  if (reply.rcode === RCODE.NOERROR && has(reply.authorities, TYPE.NS)) return 'DELEGATION'
  return reply.rcode === RCODE.NOERROR ? 'NOERROR' : 'OTHERERROR'
}

export function responseClass(type: ResponseType): ResponseClass {
  if (type === 'NOERROR' || type === 'DELEGATION') return 'success'
  return type === 'NXDOMAIN' || type === 'NODATA' ? 'denial' : 'error'
}

export function has(records: readonly ResourceRecord[], type: number): boolean {
  return records.some((record) => record.type === type && record.class !== CLASS.NONE)
}

function hasExpiredSignature(reply: Message, wallMs: number): boolean {
  const now = Math.floor(wallMs / 1000)
  return [reply.answers, reply.authorities, reply.additionals].some((section) => section.some((record) => {
    if (record.type !== TYPE.RRSIG || record.rdata.length < 19) return false
    const { inception, expiration } = readRrsig(record.rdata)
    return !within(inception, expiration, now)
  }))
}

/** Serial number arithmetic over 32 bits (RFC 4034 3.1.5). */
function within(inception: number, expiration: number, now: number): boolean {
  return ((now - inception) | 0) >= 0 && ((expiration - now) | 0) >= 0
}
