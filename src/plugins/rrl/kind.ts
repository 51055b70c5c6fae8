import { responseType, type ResponseType } from '../../core/response-type.ts'
import { TYPE } from '../../wire/codes.ts'
import type { Message } from '../../wire/message.ts'
import { lowerName } from '../../wire/name.ts'

export type Kind = 'answer' | 'nodata' | 'nxdomain' | 'referral' | 'error'

const KINDS: Readonly<Record<ResponseType, Kind>> = {
  NOERROR: 'answer', NODATA: 'nodata', NXDOMAIN: 'nxdomain', DELEGATION: 'referral', SERVERERROR: 'error', OTHERERROR: 'error', META: 'error', UPDATE: 'error',
}

/** What a reply is, and what it has in common with those that are counted together with it. */
export interface Sort {
  readonly kind: Kind
  /** Of one client. Random names below a zone are one sort, since whoever invents them has as many as are wanted. */
  readonly subject: string
}

/** `wallMs`: for signatures that have expired. */
export function sortOf(reply: Message, wallMs: number): Sort {
  const question = reply.questions[0]
  const type = responseType(reply, wallMs)
  const kind = type === 'NOERROR' && reply.answers.length === 0 ? 'nodata' : KINDS[type]
  if (question === undefined || kind === 'error') return { kind, subject: '' }
  if (kind === 'answer' || kind === 'nodata') return { kind, subject: `${question.type} ${lowerName(question.name)}` }
  const zone = reply.authorities.find((record) => record.type === TYPE.SOA || record.type === TYPE.NS)
  return { kind, subject: zone === undefined ? '' : lowerName(zone.name) }
}
