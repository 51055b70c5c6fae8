import { labelsOf, list, mapping, nameOf, namespaceOf, NO_PORTS, optional, textOr } from '../decode.ts'
import type { EndpointAddress, EndpointSlice, ServicePort } from '../objects.ts'
import type { ManifestObject } from './manifest-file.ts'

/** What the endpoint controller looks at in a Pod. */
export interface PodState {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly ips: readonly string[]
  readonly ready: boolean
  readonly terminating: boolean
  readonly ended: boolean
  readonly hostname: string
  readonly subdomain: string
  /** Container ports by name and protocol: `http/TCP`. */
  readonly ports: ReadonlyMap<string, number>
}

type Json = Readonly<Record<string, unknown>>

/** Throws ObjectError. */
export function readPod(json: Json): PodState {
  const metadata = mapping(json.metadata, 'metadata')
  const spec = optional(json, 'spec') ?? {}
  const status = optional(json, 'status') ?? {}
  const conditions = mappings(status, 'conditions', 'status')
  const texts = mappings(status, 'podIPs', 'status').map((entry) => textOr(entry.ip, '', 'status.podIPs')).filter((ip) => ip !== '')
  const ip = textOr(status.podIP, '', 'status.podIP')
  return {
    namespace: namespaceOf(json),
    name: nameOf(json),
    labels: labelsOf(json),
    ips: texts.length > 0 ? texts : ip === '' ? [] : [ip],
    // A manifest without conditions describes a pod that nobody has looked at; one with an address counts as running well.
    ready: conditions.length === 0 || conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
    terminating: metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null,
    ended: status.phase === 'Succeeded' || status.phase === 'Failed',
    hostname: textOr(spec.hostname, '', 'spec.hostname'),
    subdomain: textOr(spec.subdomain, '', 'spec.subdomain'),
    ports: containerPorts(spec),
  }
}

/** The selector of a Service that has one and whose endpoints the controller makes. Throws ObjectError. */
export function selectorOf(service: Json): Readonly<Record<string, string>> | undefined {
  const spec = optional(service, 'spec') ?? {}
  const selector = optional(spec, 'selector')
  if (spec.type === 'ExternalName' || selector === undefined || Object.keys(selector).length === 0) return undefined
  return selector as Readonly<Record<string, string>>
}

/** Kinds whose controllers make pods from a template. */
export const WORKLOADS: readonly string[] = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet']

/** True for a workload whose pods the selector would find. Throws ObjectError. */
export function ownsPods(workload: ManifestObject, namespace: string, selector: Readonly<Record<string, string>>): boolean {
  if (namespaceOf(workload.json) !== namespace) return false
  const template = optional(optional(workload.json, 'spec') ?? {}, 'template')
  return template?.metadata !== undefined && matches(labelsOf(template), selector)
}

/** One slice per address family and set of ports, as the EndpointSlice controller makes them from the Pods that a Service selects. Throws ObjectError. */
export function endpointsFromPods(service: Json, selector: Readonly<Record<string, string>>, pods: readonly PodState[]): EndpointSlice[] {
  const namespace = namespaceOf(service)
  const name = nameOf(service)
  const spec = optional(service, 'spec') ?? {}
  const groups = new Map<string, { ports: readonly ServicePort[]; addresses: EndpointAddress[] }>()
  for (const pod of pods) {
    if (pod.namespace !== namespace || pod.ended || !matches(pod.labels, selector)) continue
    if (spec.publishNotReadyAddresses !== true && (!pod.ready || pod.terminating)) continue
    const ports = portsOf(spec, pod)
    for (const ip of pod.ips.filter((address) => familyWanted(spec, address))) {
      const key = `${ip.includes(':') ? 'ipv6' : 'ipv4'} ${JSON.stringify(ports)}`
      const group = groups.get(key) ?? { ports, addresses: [] }
      group.addresses.push({ text: ip, hostname: pod.subdomain === name ? pod.hostname : '', targetName: pod.name.length > 63 ? '' : pod.name, zone: '' })
      groups.set(key, group)
    }
  }
  return [...groups.values()].map((group, i) => ({
    kind: 'EndpointSlice', namespace, name: `${name}-from-pods-${i}`, service: name, addresses: group.addresses, ports: group.ports, triggeredMs: undefined,
  }))
}

/** A named target port is looked up in the pod's containers; pods that lack it do not serve that port, but have their address. */
function portsOf(spec: Json, pod: PodState): readonly ServicePort[] {
  const ports = mappings(spec, 'ports', 'spec').flatMap((port) => {
    const protocol = String(port.protocol ?? 'TCP')
    const target = port.targetPort ?? port.port
    const number = typeof target === 'number' ? target : pod.ports.get(`${String(target)}/${protocol}`)
    return number === undefined ? [] : [{ name: String(port.name ?? ''), protocol, port: number }]
  })
  return ports.length > 0 ? ports : NO_PORTS
}

function familyWanted(spec: Json, ip: string): boolean {
  const families = list(spec, 'ipFamilies', 'spec')
  if (families.length > 0) return families.includes(ip.includes(':') ? 'IPv6' : 'IPv4')
  const ips = list(spec, 'clusterIPs', 'spec')
  const literal = (ips.length > 0 ? ips : [spec.clusterIP ?? '']).map(String).filter((text) => text !== 'None' && text !== '')
  return literal.length === 0 || literal.some((text) => text.includes(':') === ip.includes(':'))
}

function containerPorts(spec: Json): ReadonlyMap<string, number> {
  const ports = new Map<string, number>()
  // Of the containers that come first only sidecars stay.
  const sidecars = mappings(spec, 'initContainers', 'spec').filter((container) => container.restartPolicy === 'Always')
  for (const container of [...mappings(spec, 'containers', 'spec'), ...sidecars]) {
    for (const port of mappings(container, 'ports', 'spec.containers')) {
      if (typeof port.name === 'string' && typeof port.containerPort === 'number') ports.set(`${port.name}/${String(port.protocol ?? 'TCP')}`, port.containerPort)
    }
  }
  return ports
}

function matches(labels: Readonly<Record<string, string>>, selector: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}

function mappings(json: Json, field: string, path: string): Json[] {
  return list(json, field, path).map((entry, i) => mapping(entry, `${path}.${field}[${i}]`))
}
