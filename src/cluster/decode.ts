import type { ClusterObject, EndpointAddress, EndpointSlice, ImportedSlice, Kind, Pod, Service, ServiceImport, ServicePort } from './objects.ts'

/** An API object that is not what its kind says. The text names the field. */
export class ObjectError extends Error {
  override readonly name = 'ObjectError'
}

type Json = Readonly<Record<string, unknown>>

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
/** Labels of the Multi-Cluster Services API: the ServiceImport that a slice is of, and where its endpoints are. */
export const IMPORT_LABEL = 'multicluster.kubernetes.io/service-name'
export const CLUSTER_LABEL = 'multicluster.kubernetes.io/source-cluster'
const TRIGGER_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'
const LABEL_LIMIT = 63
/** Stands for the ports of what has none: there are addresses then, but no SRV records. */
export const NO_PORTS: readonly ServicePort[] = [{ name: '', protocol: '', port: -1 }]

/** The fields that DNS needs, and of a Pod's labels those named. Throws ObjectError. */
export function decodeObject(kind: Kind, object: unknown, podLabels: readonly string[] = []): ClusterObject {
  const json = mapping(object, kind)
  switch (kind) {
    case 'Service': return decodeService(json)
    case 'EndpointSlice': return { kind, ...decodeSlice(json, SERVICE_NAME_LABEL) } satisfies EndpointSlice
    case 'ImportedSlice': return { kind, ...decodeSlice(json, IMPORT_LABEL), cluster: labelText(json, CLUSTER_LABEL) } satisfies ImportedSlice
    case 'ServiceImport': return decodeImport(json)
    case 'Namespace': return { kind, name: nameOf(json) }
    case 'Pod': return decodePod(json, podLabels)
  }
}

export function labelsOf(object: unknown): Readonly<Record<string, string>> {
  const metadata = optional(mapping(object, 'object'), 'metadata')
  const labels = metadata === undefined ? undefined : optional(metadata, 'labels')
  return Object.fromEntries(Object.entries(labels ?? {}).map(([key, value]) => [key, String(value)]))
}

function decodeService(json: Json): Service {
  const spec = optional(json, 'spec') ?? {}
  const clusterIps = list(spec, 'clusterIPs', 'spec').map((ip, i) => text(ip, `spec.clusterIPs[${i}]`))
  const ports = decodePorts(spec)
  const ingress = list(optional(optional(json, 'status') ?? {}, 'loadBalancer') ?? {}, 'ingress', 'status.loadBalancer')
  return {
    kind: 'Service',
    namespace: namespaceOf(json),
    name: nameOf(json),
    type: textOr(spec.type, 'ClusterIP', 'spec.type'),
    clusterIps: clusterIps.length > 0 ? clusterIps : [textOr(spec.clusterIP, '', 'spec.clusterIP')],
    externalName: textOr(spec.externalName, '', 'spec.externalName'),
    ports: ports.length > 0 ? ports : NO_PORTS,
    externalIps: [
      ...list(spec, 'externalIPs', 'spec').map((ip, i) => text(ip, `spec.externalIPs[${i}]`)),
      ...ingress.map((entry, i) => ingressAddress(mapping(entry, `status.loadBalancer.ingress[${i}]`))),
    ],
    hasSelector: Object.keys(optional(spec, 'selector') ?? {}).length > 0,
  }
}

function decodeImport(json: Json): ServiceImport {
  const spec = optional(json, 'spec') ?? {}
  return {
    kind: 'ServiceImport',
    namespace: namespaceOf(json),
    name: nameOf(json),
    headless: textOr(spec.type, '', 'spec.type') === 'Headless',
    ips: list(spec, 'ips', 'spec').map((ip, i) => text(ip, `spec.ips[${i}]`)),
    ports: decodePorts(spec),
  }
}

function decodePorts(spec: Json): ServicePort[] {
  return list(spec, 'ports', 'spec').map((port, i) => decodePort(mapping(port, `spec.ports[${i}]`), `spec.ports[${i}]`))
}

function decodePort(json: Json, path: string): ServicePort {
  const port = json.port ?? -1
  if (typeof port !== 'number' || !Number.isInteger(port) || port < -1 || port > 65_535) throw new ObjectError(`${path}.port: ${JSON.stringify(port)} is no port number`)
  return { name: textOr(json.name, '', `${path}.name`), protocol: textOr(json.protocol, 'TCP', `${path}.protocol`), port }
}

function ingressAddress(json: Json): string {
  return textOr(json.ip, '', 'ip') || textOr(json.hostname, '', 'hostname')
}

/** `label` names the service. */
function decodeSlice(json: Json, label: string): Omit<EndpointSlice, 'kind'> {
  const metadata = mapping(json.metadata, 'metadata')
  const ports = list(json, 'ports', '').map((port, i) => decodeSlicePort(mapping(port, `ports[${i}]`), `ports[${i}]`))
  return {
    namespace: namespaceOf(json),
    name: nameOf(json),
    service: labelText(json, label),
    addresses: list(json, 'endpoints', '').flatMap((endpoint, i) => decodeEndpoint(mapping(endpoint, `endpoints[${i}]`), `endpoints[${i}]`)),
    ports: ports.length > 0 ? ports : NO_PORTS,
    triggeredMs: triggerTime(optional(metadata, 'annotations')?.[TRIGGER_ANNOTATION]),
  }
}

function labelText(json: Json, label: string): string {
  return textOr(optional(mapping(json.metadata, 'metadata'), 'labels')?.[label], '', 'metadata.labels')
}

function decodeSlicePort(json: Json, path: string): ServicePort {
  return { ...decodePort(json, path), protocol: textOr(json.protocol, '', `${path}.protocol`) }
}

/** Nothing for an endpoint that is not ready; one that does not say is. */
function decodeEndpoint(json: Json, path: string): EndpointAddress[] {
  const ready = optional(json, 'conditions')?.ready
  if (ready === false) return []
  const target = optional(json, 'targetRef')
  const targetName = textOr(target?.name, '', `${path}.targetRef.name`)
  return list(json, 'addresses', path).map((address, i) => ({
    text: text(address, `${path}.addresses[${i}]`),
    hostname: textOr(json.hostname, '', `${path}.hostname`),
    targetName: targetName.length > LABEL_LIMIT ? '' : targetName,
    zone: textOr(json.zone, '', `${path}.zone`).toLowerCase(),
  }))
}

function decodePod(json: Json, wanted: readonly string[]): Pod {
  const metadata = mapping(json.metadata, 'metadata')
  const labels = wanted.length === 0 ? {} : labelsOf(json)
  return {
    kind: 'Pod',
    namespace: namespaceOf(json),
    name: nameOf(json),
    ip: textOr(optional(json, 'status')?.podIP, '', 'status.podIP'),
    labels: Object.fromEntries(wanted.filter((key) => Object.hasOwn(labels, key)).map((key) => [key, labels[key]!])),
    deleting: metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null,
  }
}

function triggerTime(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}

export function nameOf(json: Json): string {
  const name = mapping(json.metadata, 'metadata').name
  if (typeof name !== 'string' || name === '') throw new ObjectError('metadata.name: a name is wanted')
  return objectName(name, 'metadata.name')
}

/** Objects that name no namespace are in `default`, as kubectl puts them. */
export function namespaceOf(json: Json): string {
  const namespace = mapping(json.metadata, 'metadata').namespace
  return namespace === '' ? 'default' : objectName(textOr(namespace, 'default', 'metadata.namespace'), 'metadata.namespace')
}

function objectName(name: string, path: string): string {
  if (name.length > 253 || !/^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$/.test(name)) throw new ObjectError(`${path}: ${JSON.stringify(name)} is no object name`)
  return name
}

export function mapping(value: unknown, path: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ObjectError(`${path}: a mapping is wanted, got ${brief(value)}`)
  return value as Json
}

export function optional(json: Json, field: string): Json | undefined {
  const value = json[field]
  return value === undefined || value === null ? undefined : mapping(value, field)
}

export function list(json: Json, field: string, path: string): readonly unknown[] {
  const value = json[field]
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new ObjectError(`${path === '' ? field : `${path}.${field}`}: a list is wanted, got ${brief(value)}`)
  return value
}

function text(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new ObjectError(`${path}: a text is wanted, got ${brief(value)}`)
  return value
}

export function textOr(value: unknown, fallback: string, path: string): string {
  return value === undefined || value === null ? fallback : text(value, path)
}

function brief(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 60)
}
