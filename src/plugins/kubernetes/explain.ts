import type { ClusterFeed } from '../../cluster/hub.ts'
import type { ClusterIndex } from '../../cluster/index.ts'
import { isHeadless, type EndpointSlice, type Service, type ServicePort } from '../../cluster/objects.ts'
import { formatIp } from '../../base/ip.ts'
import { addressOfReverse } from '../../core/reverse.ts'
import type { Facts } from '../../core/trace.ts'
import { matchZone } from '../../core/zones.ts'
import { lowerName, type Name } from '../../wire/name.ts'
import { parseClusterName } from '../../cluster/grammar.ts'
import { isMulticluster, namespaceExposed } from './hits.ts'
import type { KubernetesOptions } from './options.ts'

/** Which of the index's objects a name stands for, or why it stands for none. */
export function explainKubernetes(qname: Name, { index, source }: ClusterFeed, options: KubernetesOptions): Facts {
  const name = lowerName(qname)
  const zone = matchZone(options.zones, name)
  if (zone === undefined) return { zone: `none of ${options.zones.join(' ')}` }
  const state = { zone, 'in sync': source.synced, ...(source.synced ? {} : { because: 'the API server has not told everything yet' }), ...(source.staleSinceMs === undefined ? {} : { 'from the snapshot of': new Date(source.staleSinceMs).toISOString() }) }
  const address = addressOfReverse(name)
  if (address !== undefined) return { ...state, ...explainAddress(formatIp(address), index) }
  const multicluster = isMulticluster(zone, options)
  const parsed = parseClusterName(name, zone, { zonal: options.zonal, multicluster })
  if (parsed.kind === 'bare') return { ...state, name: 'the zone itself, or svc or pod alone' }
  if (parsed.kind === 'invalid') return { ...state, name: 'no name of the schema: it would end in svc or pod before the zone' }
  const { namespace } = parsed
  if (!namespaceExposed(namespace, index, options)) return { ...state, namespace: `${namespace}: ${index.hasNamespace(namespace) ? 'not served here (namespaces)' : 'does not exist'}` }
  if (parsed.kind === 'namespace') return { ...state, namespace }
  if (parsed.kind === 'pod') return { ...state, namespace, pod: parsed.label, pods: options.pods }
  if (multicluster) return { ...state, namespace, ...explainImport(namespace, parsed.service, index) }
  const service = index.service(namespace, parsed.service)
  if (service === undefined) return { ...state, namespace, service: `${parsed.service}: does not exist` }
  return { ...state, namespace, ...explainService(service), slices: slicesOf(service, index) }
}

/** What several clusters share. */
function explainImport(namespace: string, name: string, index: ClusterIndex): Facts {
  const found = index.serviceImport(namespace, name)
  if (found === undefined) return { 'service import': `${name}: does not exist` }
  const slices = index.importedSlices(namespace, name).map((slice) => `${slice.name} of cluster ${slice.cluster === '' ? '(none named)' : slice.cluster}: ${readyOf(slice)}`)
  const own = found.headless
    ? { addresses: 'headless: those of its endpoints' }
    : { addresses: found.ips, ports: found.ports.length === 0 ? 'none: the name does not exist' : portsOf(found.ports) }
  return {
    'service import': `${found.namespace}/${found.name}`, ...own,
    'slices': slices.length === 0 ? 'none: no endpoint is ready' : slices,
  }
}

function explainService(service: Service): Facts {
  const ports = portsOf(service.ports)
  const target = service.type === 'ExternalName' ? { 'external name': service.externalName } : { addresses: isHeadless(service) ? 'headless: those of its endpoints' : service.clusterIps }
  return { service: `${service.namespace}/${service.name} (${service.type})`, ...target, ...(ports.length === 0 ? {} : { ports }) }
}

function portsOf(ports: readonly ServicePort[]): string[] {
  return ports.filter((port) => port.port > 0).map((port) => `${port.name === '' ? '' : `${port.name} `}${port.port}/${port.protocol}`)
}

function slicesOf(service: Service, index: ClusterIndex): string | string[] {
  const slices = index.slices(service.namespace.toLowerCase(), service.name.toLowerCase())
  return slices.length === 0 ? 'none: no endpoint is ready' : slices.map((slice) => `${slice.name}: ${readyOf(slice)}`)
}

function readyOf({ addresses }: Pick<EndpointSlice, 'addresses'>): string {
  return `${addresses.length} ready${addresses.length === 0 ? '' : ` (${shortened(addresses.map((entry) => entry.text))})`}`
}

function explainAddress(ip: string, index: ClusterIndex): Facts {
  const services = index.servicesOf(ip).map((service) => `${service.namespace}/${service.name}`)
  const slices = index.slicesOf(ip).map((slice) => `${slice.namespace}/${slice.name}`)
  return { address: ip, services: services.length === 0 ? 'none has it' : services, slices: slices.length === 0 ? 'none has it' : slices }
}

function shortened(texts: readonly string[]): string {
  return texts.length <= 5 ? texts.join(' ') : `${texts.slice(0, 5).join(' ')} and ${texts.length - 5} more`
}
