import { formatIp, parseIp, unmapIp } from '../../base/ip.ts'
import type { ClusterIndex } from '../../cluster/index.ts'
import { isHeadless } from '../../cluster/objects.ts'
import { CLASS, TYPE } from '../../wire/codes.ts'
import type { ResourceRecord } from '../../wire/message.ts'
import type { Name } from '../../wire/name.ts'
import { nameRdata, soaRdata } from '../../wire/rdata.ts'
import { endpointHostname, isMulticluster } from './hits.ts'
import type { KubernetesOptions } from './options.ts'

/** Longest TTL of SOA records. */
const SOA_TTL = 300
/** Seconds that every SOA says. */
export const SOA_TIMES = { refresh: 7200, retry: 1800, expire: 86_400 } as const

/** One address of a name server of the zone. */
interface NameServer {
  readonly name: Name
  readonly address: Uint8Array
}

/** The zone's SOA; `zone` in the question's letter case. */
export function soaRecord(zone: Name, index: ClusterIndex, options: KubernetesOptions): ResourceRecord {
  const rdata = soaRdata({
    mname: below('ns.dns', zone),
    rname: below('hostmaster', zone),
    serial: isMulticluster(zone, options) ? index.importSerial : index.serial,
    ...SOA_TIMES,
    minimum: options.ttl,
  })
  return { name: zone, type: TYPE.SOA, class: CLASS.IN, ttl: soaTtl(options.ttl), rdata }
}

export function soaTtl(ttl: number): number {
  return Math.min(ttl, SOA_TTL)
}

/** NS records of the zone with their addresses. */
export function nsRecords(zone: Name, servers: readonly NameServer[], ttl: number): { answers: ResourceRecord[]; additionals: ResourceRecord[] } {
  const names = new Set(servers.map((server) => server.name))
  return {
    answers: [...names].map((name) => ({ name: zone, type: TYPE.NS, class: CLASS.IN, ttl, rdata: nameRdata(name) })),
    additionals: servers.map((server) => addressRecord(server.name, server.address, ttl)),
  }
}

/** Addresses of `ns.dns.ZONE`, of one family. */
export function nsAddresses(qname: Name, type: number, servers: readonly NameServer[], ttl: number): ResourceRecord[] {
  const seen = new Set<string>()
  return servers.map((server) => addressRecord(qname, server.address, ttl)).filter((record) => {
    const text = formatIp(record.rdata)
    return record.type === type && !seen.has(text) && seen.add(text) !== undefined
  })
}

/** Who serves the zone: the services whose endpoints we are, or our own addresses (specification 3.23.6). */
export function nameServers(zone: Name, localIps: readonly string[], index: ClusterIndex, options: KubernetesOptions): NameServer[] {
  const servers: NameServer[] = []
  let found = false
  for (const slice of localIps.flatMap((ip) => index.slicesOf(ip))) {
    found = true
    const service = index.service(slice.namespace.toLowerCase(), slice.service.toLowerCase())
    if (service === undefined) continue
    const name = below(`${service.name}.${service.namespace}.svc`, zone)
    if (isHeadless(service)) {
      for (const address of slice.addresses) add(servers, `${endpointHostname(address, options.endpointPodNames)}.${name}`, address.text)
    } else for (const ip of service.clusterIps) add(servers, name, ip)
  }
  if (!found) for (const ip of localIps) add(servers, below('ns.dns', zone), ip)
  return servers
}

function add(servers: NameServer[], name: Name, ip: string): void {
  const address = parseIp(ip)
  if (address !== undefined) servers.push({ name, address: unmapIp(address) })
}

function addressRecord(name: Name, address: Uint8Array, ttl: number): ResourceRecord {
  return { name, type: address.length === 4 ? TYPE.A : TYPE.AAAA, class: CLASS.IN, ttl, rdata: address }
}

function below(labels: string, zone: Name): Name {
  return zone === '.' ? `${labels}.` : `${labels}.${zone}`
}
