import type { ClusterFeed } from '../../cluster/hub.ts'
import { isHeadless, type Service } from '../../cluster/objects.ts'
import { formatIp } from '../../base/ip.ts'
import { addressOfReverse } from '../../core/reverse.ts'
import type { Facts } from '../../core/trace.ts'
import { matchZone } from '../../core/zones.ts'
import { lowerName, type Name } from '../../wire/name.ts'
import { parseClusterName } from './grammar.ts'
import { namespaceExposed } from './hits.ts'
import type { KubernetesOptions } from './options.ts'

/** Which of the index's objects a name stands for, or why it stands for none. */
export function explainKubernetes(qname: Name, { index, source }: ClusterFeed, options: KubernetesOptions): Facts {
  const name = lowerName(qname)
  const zone = matchZone(options.zones, name)
  if (zone === undefined) return { zone: `none of ${options.zones.join(' ')}` }
  const state = { zone, 'in sync': source.synced, ...(source.synced ? {} : { because: 'the API server has not told everything yet' }), ...(source.staleSinceMs === undefined ? {} : { 'from the snapshot of': new Date(source.staleSinceMs).toISOString() }) }
  const address = addressOfReverse(name)
  if (address !== undefined) return { ...state, ...explainAddress(formatIp(address), index) }
  const parsed = parseClusterName(name, zone, options.zonal)
  if (parsed.kind === 'bare') return { ...state, name: 'the zone itself, or svc or pod alone' }
  if (parsed.kind === 'invalid') return { ...state, name: 'no name of the schema: it would end in svc or pod before the zone' }
  const { namespace } = parsed
  if (!namespaceExposed(namespace, index, options)) return { ...state, namespace: `${namespace}: ${index.hasNamespace(namespace) ? 'not served here (namespaces)' : 'does not exist'}` }
  if (parsed.kind === 'namespace') return { ...state, namespace }
  if (parsed.kind === 'pod') return { ...state, namespace, pod: parsed.label, pods: options.pods }
  const service = index.service(namespace, parsed.service)
  if (service === undefined) return { ...state, namespace, service: `${parsed.service}: does not exist` }
  return { ...state, namespace, ...explainService(service), slices: slicesOf(service, index) }
}

function explainService(service: Service): Facts {
  const ports = service.ports.filter((port) => port.port > 0).map((port) => `${port.name === '' ? '' : `${port.name} `}${port.port}/${port.protocol}`)
  const target = service.type === 'ExternalName' ? { 'external name': service.externalName } : { addresses: isHeadless(service) ? 'headless: those of its endpoints' : service.clusterIps }
  return { service: `${service.namespace}/${service.name} (${service.type})`, ...target, ...(ports.length === 0 ? {} : { ports }) }
}

function slicesOf(service: Service, index: ClusterFeed['index']): string | string[] {
  const slices = index.slices(service.namespace.toLowerCase(), service.name.toLowerCase())
  return slices.length === 0 ? 'none: no endpoint is ready' : slices.map((slice) => `${slice.name}: ${slice.addresses.length} ready${slice.addresses.length === 0 ? '' : ` (${shortened(slice.addresses.map((entry) => entry.text))})`}`)
}

function explainAddress(ip: string, index: ClusterFeed['index']): Facts {
  const services = index.servicesOf(ip).map((service) => `${service.namespace}/${service.name}`)
  const slices = index.slicesOf(ip).map((slice) => `${slice.namespace}/${slice.name}`)
  return { address: ip, services: services.length === 0 ? 'none has it' : services, slices: slices.length === 0 ? 'none has it' : slices }
}

function shortened(texts: readonly string[]): string {
  return texts.length <= 5 ? texts.join(' ') : `${texts.slice(0, 5).join(' ')} and ${texts.length - 5} more`
}
