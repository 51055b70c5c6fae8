import type { External } from '../../core/externals.ts'
import { CLASS, TYPE } from '../../wire/codes.ts'
import type { Message, ResourceRecord } from '../../wire/message.ts'
import { parseName, type Name } from '../../wire/name.ts'
import { nameRdata, srvRdata } from '../../wire/rdata.ts'
import type { K8sExternalOptions } from './options.ts'

export interface Records {
  readonly answers: readonly ResourceRecord[]
  readonly additionals: readonly ResourceRecord[]
  readonly tc: boolean
}

/** Undefined: the name does not exist. */
export type Found = Records | undefined

export const NODATA: Records = { answers: [], additionals: [], tc: false }

/** What records are built with. */
export interface Lookups {
  /** Lower-cased. */
  readonly zone: Name
  readonly ttl: number
  /** Of SRV and CNAME records, which have the cluster's TTL (specification 16.19). */
  readonly clusterTtl: number
  /** Asks the whole server for a host name of a load balancer. */
  outside(name: Name, type: number): Promise<Message>
}

/** Addresses of one family; behind the CNAME of a load balancer's host name the addresses of that. At once where there is none. */
export function addressRecords(qname: Name, type: number, externals: readonly External[], lookups: Lookups): Records | Promise<Records> {
  if (externals.every((external) => targetOf(external) === undefined)) return { ...NODATA, answers: addresses(qname, type, externals, lookups.ttl, new Set()) }
  return withAliases(qname, type, externals, lookups)
}

async function withAliases(qname: Name, type: number, externals: readonly External[], lookups: Lookups): Promise<Records> {
  const answers: ResourceRecord[] = []
  const seen = new Set<string>()
  let tc = false
  for (const external of externals) {
    const target = targetOf(external)
    if (target === undefined) answers.push(...addresses(qname, type, [external], lookups.ttl, seen))
    else {
      const found = await lookups.outside(target, type)
      answers.push({ name: qname, type: TYPE.CNAME, class: CLASS.IN, ttl: lookups.clusterTtl, rdata: nameRdata(target) }, ...found.answers)
      tc ||= found.tc
    }
  }
  return { answers, additionals: [], tc }
}

function addresses(qname: Name, type: number, externals: readonly External[], ttl: number, seen: Set<string>): ResourceRecord[] {
  return externals.flatMap(({ host, address }) => {
    if (address === undefined || seen.has(host)) return []
    const record = addressRecord(qname, address, ttl)
    if (record.type !== type) return []
    seen.add(host)
    return [record]
  })
}

/** SRV records, with the addresses of their targets in the additional section. At once where no target is a host name. */
export function serviceRecords(qname: Name, externals: readonly External[], lookups: Lookups): Records | Promise<Records> {
  // Each counts in full, so that the sum of the weights is about 100 however many there are.
  const weight = Math.max(1, Math.floor((100 / (externals.length * 100)) * 100))
  const answers = new Map<string, ResourceRecord>()
  const glue = new Map<string, ResourceRecord | Name>()
  for (const external of externals) {
    if (external.port === -1) continue
    const target = targetOf(external) ?? below(external.owner, lookups.zone)
    const srv = `${target} ${external.port}`
    if (!answers.has(srv)) answers.set(srv, { name: qname, type: TYPE.SRV, class: CLASS.IN, ttl: lookups.clusterTtl, rdata: srvRdata({ priority: 0, weight, port: external.port, target }) })
    const key = `${target} ${external.host}`
    if (!glue.has(key)) glue.set(key, external.address === undefined ? target : addressRecord(target, external.address, lookups.ttl))
  }
  const records = { ...NODATA, answers: [...answers.values()] }
  const parts = [...glue.values()]
  const known = parts.filter((part) => typeof part !== 'string')
  return known.length === parts.length ? { ...records, additionals: known } : withGlue(records, parts, lookups)
}

async function withGlue(records: Records, glue: readonly (ResourceRecord | Name)[], lookups: Lookups): Promise<Records> {
  const additionals: ResourceRecord[] = []
  for (const part of glue) {
    if (typeof part !== 'string') additionals.push(part)
    else for (const type of [TYPE.A, TYPE.AAAA]) additionals.push(...(await lookups.outside(part, type)).answers)
  }
  return { ...records, additionals }
}

/** Names of the services at an address, in the first zone. */
export function pointerRecords(qname: Name, services: readonly string[], { zones, ttl }: K8sExternalOptions): Found {
  if (services.length === 0) return undefined
  const targets = [...new Set(services)].map((service) => below(service, zones[0]!))
  return { ...NODATA, answers: targets.map((target) => ({ name: qname, type: TYPE.PTR, class: CLASS.IN, ttl, rdata: nameRdata(target) })) }
}

export function addressRecord(name: Name, address: Uint8Array, ttl: number): ResourceRecord {
  return { name, type: address.length === 4 ? TYPE.A : TYPE.AAAA, class: CLASS.IN, ttl, rdata: address }
}

export function below(labels: string, zone: Name): Name {
  return zone === '.' ? `${labels}.` : `${labels}.${zone}`
}

/** The name that a load balancer has instead of an address. */
function targetOf(external: External): Name | undefined {
  return external.address === undefined ? parseName(external.host) : undefined
}
