import { responseType, has, type ResponseType } from '../../core/response-type.ts'
import { CLASS, RCODE, TYPE } from '../../wire/codes.ts'
import type { Message, Question, ResourceRecord } from '../../wire/message.ts'
import { equalNames, lowerName, type Name } from '../../wire/name.ts'
import { targetOf } from '../../wire/rdata.ts'

/** The kind of a reply as the cache sees it: a CNAME chain that leads to nothing, with a SOA, is a denial (RFC 2308 2.2). */
export function cacheType(reply: Message, wallMs: number): ResponseType {
  const type = responseType(reply, wallMs)
  const denial = type === 'NOERROR' && reply.answers.length > 0 && has(reply.authorities, TYPE.SOA) && !answers(reply)
  return denial ? 'NODATA' : type
}

/** False for what must be asked again each time (specification 3.13.4). */
export function cacheable(reply: Message, type: ResponseType): boolean {
  if (reply.tc || type === 'OTHERERROR' || type === 'META' || type === 'UPDATE') return false
  if (has(reply.authorities, TYPE.SOA)) return true
  if (type === 'NXDOMAIN') return false
  return !(type === 'NOERROR' && reply.answers.length > 0 && !answers(reply))
}

/** True when a NOERROR reply holds what was asked for, at the end of its one CNAME chain. */
export function answers(reply: Message): boolean {
  const question = reply.questions[0]
  if (reply.rcode !== RCODE.NOERROR || question === undefined) return false
  if (question.type === TYPE.ANY) return reply.answers.some((record) => inClass(record, question) && equalNames(record.name, question.name))
  if (question.type === TYPE.CNAME) return oneTarget(reply.answers, question.name, question) !== undefined && oneTarget(reply.answers, question.name, question) !== 'several'
  const end = endOfChain(reply.answers, question)
  return end !== undefined && reply.answers.some((record) => record.type === question.type && inClass(record, question) && equalNames(record.name, end))
}

/** The name at the end of the chain; undefined for a loop, or where an owner has several targets (RFC 2181 10.1). */
function endOfChain(records: readonly ResourceRecord[], question: Question): Name | undefined {
  const visited = new Set<Name>()
  let name = question.name
  for (;;) {
    const lower = lowerName(name)
    if (visited.has(lower)) return undefined
    visited.add(lower)
    const target = oneTarget(records, name, question)
    if (target === 'several') return undefined
    if (target === undefined) return name
    name = target
  }
}

function oneTarget(records: readonly ResourceRecord[], owner: Name, question: Question): Name | 'several' | undefined {
  let found: Name | undefined
  for (const record of records) {
    if (record.type !== TYPE.CNAME || !inClass(record, question) || !equalNames(record.name, owner)) continue
    const target = targetOf(TYPE.CNAME, record.rdata)!
    if (found !== undefined && !equalNames(found, target)) return 'several'
    found = target
  }
  return found
}

function inClass(record: ResourceRecord, question: Question): boolean {
  return question.class === CLASS.ANY || record.class === question.class
}
