import type { Answer } from '../../core/env.ts'
import { CLASS, TYPE } from '../../wire/codes.ts'
import type { ResourceRecord } from '../../wire/message.ts'
import { equalNames, isSubdomain, lowerName, parseName, type Name } from '../../wire/name.ts'
import { nameRdata, srvRdata, targetOf } from '../../wire/rdata.ts'
import type { Hit, Hits } from './hits.ts'

/** CNAMEs in a row within the zone before one more is left out. */
const CHAIN_LIMIT = 10

export interface Records {
  readonly answers: readonly ResourceRecord[]
  readonly additionals: readonly ResourceRecord[]
  readonly tc: boolean
}

const NONE: Records = { answers: [], additionals: [], tc: false }

/** What answers are built with. */
export interface Lookups {
  readonly ttl: number
  /** The zone of the question, in the question's letter case. */
  readonly zone: Name
  /** What a name in the zone stands for. */
  hits(name: Name): Hits
  /** Asks the whole server for a name outside the zone. */
  outside(name: Name, type: number): Promise<Answer>
}

/** Records of an address type. At once unless a name has to be looked up. Undefined: the name does not exist. */
export function addressRecords(qname: Name, type: number, lookups: Lookups): Records | undefined | Promise<Records | undefined> {
  const hits = lookups.hits(lowerName(qname))
  if (hits === undefined) return undefined
  if (hits.every((hit) => hit.address !== undefined)) return { ...NONE, answers: addresses(qname, type, hits, lookups.ttl) }
  return withAliases(qname, type, hits, lookups, [])
}

/** One record per distinct address of the family. */
function addresses(qname: Name, type: number, hits: readonly Hit[], ttl: number): ResourceRecord[] {
  const seen = new Set<string>()
  const records: ResourceRecord[] = []
  for (const { host, address } of hits) {
    if (address === undefined || (address.length === 4 ? TYPE.A : TYPE.AAAA) !== type || seen.has(host)) continue
    seen.add(host)
    records.push({ name: qname, type, class: CLASS.IN, ttl, rdata: address })
  }
  return records
}

/** Follows ExternalNames: inside the zone here, and only if that yields something; outside it through the server. */
async function withAliases(qname: Name, type: number, hits: readonly Hit[], lookups: Lookups, before: readonly ResourceRecord[]): Promise<Records> {
  const answers: ResourceRecord[] = []
  let tc = false
  for (const hit of hits) {
    if (hit.address !== undefined) {
      answers.push(...addresses(qname, type, [hit], lookups.ttl).filter((record) => !answers.some((other) => sameRecord(other, record))))
      continue
    }
    const target = parseName(hit.host)
    if (target === undefined || isSubdomain(target, lowerName(qname)) || before.length > CHAIN_LIMIT) continue
    const alias: ResourceRecord = { name: qname, type: TYPE.CNAME, class: CLASS.IN, ttl: lookups.ttl, rdata: nameRdata(target) }
    if (before.some((other) => sameAlias(other, alias))) continue
    const found = isSubdomain(target, lookups.zone) ? await inside(target, type, lookups, [...before, alias]) : await outside(target, type, lookups)
    if (found === undefined) continue
    tc ||= found.tc
    if (found.always || found.answers.length > 0) answers.push(alias, ...found.answers)
  }
  return { answers, additionals: [], tc }
}

interface Found {
  readonly answers: readonly ResourceRecord[]
  readonly tc: boolean
  /** The alias stands even without an answer. */
  readonly always: boolean
}

async function inside(target: Name, type: number, lookups: Lookups, before: readonly ResourceRecord[]): Promise<Found | undefined> {
  const hits = lookups.hits(lowerName(target))
  if (hits === undefined) return undefined
  return { ...await withAliases(target, type, hits, lookups, before), always: false }
}

/** Whatever the server says of the target, the alias itself is true. */
async function outside(target: Name, type: number, lookups: Lookups): Promise<Found> {
  const { message } = await lookups.outside(target, type)
  return { answers: message.answers, tc: message.tc, always: true }
}

/** SRV records with the addresses of their targets. Undefined: the name does not exist. */
export function srvRecords(qname: Name, lookups: Lookups): Records | undefined {
  const all = lookups.hits(lowerName(qname))
  if (all === undefined) return undefined
  const hits = all.filter((hit) => hit.address !== undefined)
  // Each hit counts in full, so that the sum of the weights is about 100 however many there are.
  const weight = Math.max(1, Math.floor((100 / (hits.length * 100)) * 100))
  const answers = new Map<string, ResourceRecord>()
  const additionals = new Map<string, ResourceRecord>()
  for (const hit of hits) {
    if (hit.port === -1) continue
    const target = `${hit.owner}.${lookups.zone === '.' ? '' : lookups.zone}`
    const { ttl } = lookups
    const srv = `${target} ${hit.port}`
    if (!answers.has(srv)) answers.set(srv, { name: qname, type: TYPE.SRV, class: CLASS.IN, ttl, rdata: srvRdata({ priority: 0, weight, port: hit.port, target }) })
    const glue = `${target} ${hit.host}`
    const address = hit.address!
    if (!additionals.has(glue)) additionals.set(glue, { name: target, type: address.length === 4 ? TYPE.A : TYPE.AAAA, class: CLASS.IN, ttl, rdata: address })
  }
  return { answers: [...answers.values()], additionals: [...additionals.values()], tc: false }
}

/** The CNAME of an ExternalName service. Undefined: the name does not exist. */
export function cnameRecords(qname: Name, lookups: Lookups): Records | undefined {
  const hits = lookups.hits(lowerName(qname))
  if (hits === undefined) return undefined
  const [first] = hits
  const target = first === undefined || first.address !== undefined ? undefined : parseName(first.host)
  if (target === undefined) return NONE
  return { ...NONE, answers: [{ name: qname, type: TYPE.CNAME, class: CLASS.IN, ttl: lookups.ttl, rdata: nameRdata(target) }] }
}

/** Types that no service has: only whether the name exists. */
export function existence(qname: Name, lookups: Lookups): Records | undefined {
  return lookups.hits(lowerName(qname)) === undefined ? undefined : NONE
}

function sameAlias(a: ResourceRecord, b: ResourceRecord): boolean {
  return equalNames(a.name, b.name) && equalNames(targetOf(a.type, a.rdata)!, targetOf(b.type, b.rdata)!)
}

function sameRecord(a: ResourceRecord, b: ResourceRecord): boolean {
  return a.type === b.type && equalNames(a.name, b.name) && Buffer.compare(a.rdata, b.rdata) === 0
}
