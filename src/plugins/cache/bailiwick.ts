import { TYPE } from '../../wire/codes.ts'
import type { Message, ResourceRecord } from '../../wire/message.ts'
import { isSubdomain, lowerName, type Name } from '../../wire/name.ts'
import { targetOf } from '../../wire/rdata.ts'

/** Records that stand above the names they are about. */
const ABOVE = new Set<number>([TYPE.DNAME, TYPE.RRSIG])
/** Authorities that say who speaks for a name, and bound how long a denial holds. */
const SPEAKERS = new Set<number>([TYPE.SOA, TYPE.NS])

/**
 * Whether all that a reply answers is about its question: answers about the name asked for and what its aliases lead to, authorities of
 * zones that hold one of these names (RFC 2181 5.4.1, RFC 5452 6). What is not is passed on as it came, since it is the upstream's word to
 * one client, but not repeated to others. Of a stored reply nothing ever answers another question; additional records are hints to
 * who asked the same, and stay.
 */
export function inBailiwick(reply: Message): boolean {
  const question = reply.questions[0]
  if (question === undefined) return false
  const names = namesOf(lowerName(question.name), reply.answers)
  const isAbove = (record: ResourceRecord) => [...names].some((name) => isSubdomain(name, record.name))
  return reply.answers.every((record) => names.has(lowerName(record.name)) || (ABOVE.has(record.type) && isAbove(record)))
    && reply.authorities.every((record) => !SPEAKERS.has(record.type) || isAbove(record))
}

/** The name asked for, and all that aliases lead to from there, in whatever order they stand. */
function namesOf(qname: Name, answers: readonly ResourceRecord[]): ReadonlySet<Name> {
  const targets = new Map<Name, Name[]>()
  for (const { name, type, rdata } of answers) {
    const target = type === TYPE.CNAME ? targetOf(type, rdata) : undefined
    if (target !== undefined) targets.set(lowerName(name), [...targets.get(lowerName(name)) ?? [], lowerName(target)])
  }
  const names = new Set([qname])
  // What is added meanwhile has its turn too.
  for (const name of names) for (const target of targets.get(name) ?? []) names.add(target)
  return names
}
