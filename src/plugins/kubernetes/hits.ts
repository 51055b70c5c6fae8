import { parseIp, unmapIp } from '../../base/ip.ts'
import type { ClusterIndex } from '../../cluster/index.ts'
import { isHeadless, type EndpointAddress, type Service, type ServiceImport, type ServicePort } from '../../cluster/objects.ts'
import { isReverse } from '../../core/reverse.ts'
import { lowerName, type Name } from '../../wire/name.ts'
import { parseClusterName, type Parsed, type PortFilter } from '../../cluster/grammar.ts'
import type { KubernetesOptions } from './options.ts'

/** One thing that a name stands for: an address or another name, with a port. */
export interface Hit {
  /** As the object says it. */
  readonly host: string
  /** 4 or 16 octets; undefined when `host` is a name. */
  readonly address: Uint8Array | undefined
  /** 0 for none of its own, -1 for none at all. */
  readonly port: number
  /** Labels of the SRV target left of the zone. */
  readonly owner: string
}

/** Undefined: the name does not exist. An empty list: it does, with nothing to say. */
export type Hits = readonly Hit[] | undefined

const NOTHING: Hits = []

/** What a lower-cased name in `zone` stands for (specification 3.23.4). */
export function findHits(name: Name, zone: Name, index: ClusterIndex, options: KubernetesOptions): Hits {
  const multicluster = isMulticluster(zone, options)
  const parsed = parseClusterName(name, zone, { zonal: options.zonal, multicluster })
  if (parsed.kind === 'invalid') return undefined
  if (parsed.kind === 'bare') return NOTHING
  if (isReverse(name) || !namespaceExposed(parsed.namespace, index, options)) return undefined
  if (parsed.kind === 'namespace') return name.split('.')[1] === 'pod' && options.pods === 'disabled' ? undefined : NOTHING
  if (parsed.kind === 'pod') return findPods(parsed, index, options)
  return multicluster ? findImport(parsed, index, options) : findService(parsed, index, options)
}

export function namespaceExposed(namespace: string, index: ClusterIndex, options: KubernetesOptions): boolean {
  return (options.namespaces.size === 0 || options.namespaces.has(namespace.toLowerCase())) && index.hasNamespace(namespace.toLowerCase())
}

/** `zone` in any letter case. */
export function isMulticluster(zone: Name, { multicluster }: KubernetesOptions): boolean {
  return multicluster.size > 0 && multicluster.has(lowerName(zone))
}

function findPods(parsed: Parsed & { kind: 'pod' }, index: ClusterIndex, options: KubernetesOptions): Hits {
  if (options.pods === 'disabled') return undefined
  const { label, namespace } = parsed
  const dashes = label.split('-').length - 1
  const ip = label.replaceAll('-', dashes === 3 && !label.includes('--') ? '.' : ':')
  const owner = `${label}.${namespace}.pod`
  if (options.pods === 'insecure') return parseIp(ip) === undefined ? undefined : [hit(ip, 0, owner)]
  const pods = index.podsOf(ip).filter((pod) => pod.namespace.toLowerCase() === namespace)
  return pods.length === 0 ? undefined : pods.map(() => hit(ip, 0, owner))
}

function findService(parsed: Parsed & { kind: 'service' }, index: ClusterIndex, options: KubernetesOptions): Hits {
  const service = index.service(parsed.namespace, parsed.service)
  if (service === undefined || (parsed.zone !== undefined && !isHeadless(service))) return undefined
  if (options.ignoreEmptyService && service.type !== 'ExternalName' && !isHeadless(service) && isEmpty(service, index)) return undefined
  const owner = `${service.name}.${service.namespace}.svc`
  if (service.type === 'ExternalName') {
    const deeper = parsed.endpoint !== '' || parsed.filter.port !== '' || parsed.filter.protocol !== ''
    return deeper || parseIp(service.externalName) !== undefined ? undefined : [hit(service.externalName, 0, owner)]
  }
  if (isHeadless(service) || parsed.endpoint !== '') return endpointHits(service, parsed, index, options)
  return addressHits(service.clusterIps, service.ports, parsed.filter, owner)
}

/** The name exists with any port that is meant, be there an address or not. */
function addressHits(ips: readonly string[], all: readonly ServicePort[], filter: PortFilter, owner: string): Hits {
  const ports = all.filter((port) => matchesPort(port, filter))
  return ports.length === 0 ? undefined : ports.flatMap((port) => ips.map((ip) => hit(ip, port.port, owner)))
}

/** What several clusters share: endpoints are named with their cluster. */
function findImport(parsed: Parsed & { kind: 'service' }, index: ClusterIndex, options: KubernetesOptions): Hits {
  const { namespace, service: name, endpoint, filter } = parsed
  const found = index.serviceImport(namespace, name)
  if (found === undefined) return undefined
  if (found.headless || endpoint !== '') return importedHits(found, parsed, index, options)
  if (options.ignoreEmptyService && index.importedSlices(namespace, name).every((slice) => slice.addresses.length === 0)) return undefined
  return addressHits(found.ips, found.ports, filter, `${found.name}.${found.namespace}.svc`)
}

function importedHits(found: ServiceImport, { namespace, service, endpoint, cluster, filter }: Parsed & { kind: 'service' }, index: ClusterIndex, { endpointPodNames }: KubernetesOptions): Hits {
  const hits: Hit[] = []
  for (const slice of index.importedSlices(namespace, service)) {
    for (const address of slice.addresses) {
      const hostname = endpointHostname(address, endpointPodNames)
      if (endpoint !== '' && (hostname.toLowerCase() !== endpoint || slice.cluster.toLowerCase() !== cluster)) continue
      for (const port of slice.ports) {
        // Without a cluster there is no name that an SRV record could point to.
        if (matchesPort(port, filter)) hits.push(hit(address.text, slice.cluster === '' ? -1 : port.port, `${hostname}.${slice.cluster}.${found.name}.${found.namespace}.svc`))
      }
    }
  }
  return hits.length === 0 ? undefined : hits
}

function endpointHits(service: Service, parsed: Parsed & { kind: 'service' }, index: ClusterIndex, options: KubernetesOptions): Hits {
  const { zone } = parsed
  const hits = collect(service, parsed, zone?.zone, index, options)
  if (zone === undefined) return hits.length === 0 ? undefined : hits
  return hits.length === 0 && zone.prefer ? collect(service, parsed, undefined, index, options) : hits
}

function collect(service: Service, parsed: Parsed & { kind: 'service' }, zone: string | undefined, index: ClusterIndex, options: KubernetesOptions): Hit[] {
  const hits: Hit[] = []
  for (const slice of index.slices(parsed.namespace, parsed.service)) {
    for (const address of slice.addresses) {
      if (zone !== undefined && address.zone !== zone) continue
      const hostname = endpointHostname(address, options.endpointPodNames)
      if (parsed.endpoint !== '' && hostname.toLowerCase() !== parsed.endpoint) continue
      for (const port of slice.ports) {
        if (matchesPort(port, parsed.filter)) hits.push(hit(address.text, port.port, `${hostname}.${service.name}.${service.namespace}.svc`))
      }
    }
  }
  return hits
}

function isEmpty(service: Service, index: ClusterIndex): boolean {
  return index.slices(service.namespace.toLowerCase(), service.name.toLowerCase()).every((slice) => slice.addresses.length === 0)
}

export function matchesPort(port: ServicePort, filter: PortFilter): boolean {
  return (filter.port === '' || filter.port === port.name.toLowerCase()) && (filter.protocol === '' || filter.protocol === port.protocol.toLowerCase())
}

/** The label of one endpoint below its service. */
export function endpointHostname(address: EndpointAddress, podNames: boolean): string {
  if (address.hostname !== '') return address.hostname
  if (podNames && address.targetName !== '') return address.targetName
  if (address.text.includes('.')) return address.text.replaceAll('.', '-')
  const label = address.text.replaceAll(':', '-')
  return label.endsWith('-') ? `${label}0` : label
}

export function hit(host: string, port: number, owner: string): Hit {
  const address = parseIp(host)
  return { host, address: address === undefined ? undefined : unmapIp(address), port, owner }
}
