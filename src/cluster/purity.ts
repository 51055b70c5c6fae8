/**
 * A zone is pure when the schema of Kubernetes alone decides which names it may hold. A resolver tells those who forward to it by a TXT record
 * beside the denial of any name below `_hearth.ZONE`. Such a name is as impossible as others, so that the denial itself shows how they are denied.
 */
import { isReverse } from '../core/reverse.ts'
import { CLASS, RCODE, TYPE } from '../wire/codes.ts'
import type { Message, ResourceRecord } from '../wire/message.ts'
import { equalNames, isSubdomain, type Name } from '../wire/name.ts'
import { txtRdata } from '../wire/rdata.ts'
import { parseClusterName } from './grammar.ts'

const LABEL = '_hearth'
const TEXT = txtRdata(['pure'])
/** How long that may be believed. */
export const PURE_SECONDS = 30

/** Reverse zones hold addresses, and the root holds all zones. */
export function canBePure(zone: Name): boolean {
  return zone !== '.' && !isReverse(`.${zone}`)
}

/** Names below this one are asked for it, with type TXT. */
export function purityName(zone: Name): Name {
  return `${LABEL}.${zone}`
}

export function purityRecord(zone: Name): ResourceRecord {
  return { name: purityName(zone), type: TYPE.TXT, class: CLASS.IN, ttl: PURE_SECONDS, rdata: TEXT }
}

/** Seconds for which the reply says that the zone is pure; 0 when it does not. */
export function secondsOfPurity(reply: Message, zone: Name): number {
  if (reply.rcode !== RCODE.NXDOMAIN) return 0
  const record = reply.additionals.find(({ name, type, rdata }) => type === TYPE.TXT && equalNames(name, purityName(zone)) && Buffer.compare(rdata, TEXT) === 0)
  return Math.min(PURE_SECONDS, record?.ttl ?? 0)
}

/** No object can have the name, whichever forms of names the zone knows. `name` is in lower case and in or below `zone`. */
export function isImpossible(name: Name, zone: Name): boolean {
  if (parseClusterName(name, zone, { zonal: true, multicluster: false }).kind !== 'invalid') return false
  return name !== `ns.dns.${zone}` && name !== `dns-version.${zone}` && !isSubdomain(name, purityName(zone))
}
