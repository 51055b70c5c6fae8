/**
 * The packed form of objects: what an index keeps and a snapshot holds.
 *
 *     key length   u16
 *     key          the DNS labels `NAME NAMESPACE` in lower case: a length octet and its text, twice; a Namespace has one label
 *     as written   0, or 1 and name and namespace as texts where they are not in lower case
 *     fields       by kind, see below
 *
 * Counts are variable (seven bits an octet); a text is a count and UTF-8; a host is 4 or 16 and an address, or 0 and a text.
 */
import type { ClusterObject, EndpointAddress, EndpointSlice, ImportedSlice, Kind, Namespace, Pod, Service, ServiceImport, ServicePort } from '../objects.ts'
import type { RecordReader } from './reader.ts'
import type { RecordWriter } from './writer.ts'

/** Writes an object behind what the writer holds. */
export function writeObject(object: ClusterObject, to: RecordWriter): void {
  const namespace = object.kind === 'Namespace' ? undefined : object.namespace
  writeKey(namespace, object.name, to)
  const plain = isLower(object.name) && (namespace === undefined || isLower(namespace))
  to.octet(plain ? 0 : 1)
  if (!plain) {
    to.text(object.name)
    to.text(namespace ?? '')
  }
  FORMS[object.kind].write(object as never, to)
}

/** Key length and key, as a record begins. */
export function writeKey(namespace: string | undefined, name: string, to: RecordWriter): void {
  const start = to.at
  to.word(0)
  to.label(name)
  if (namespace !== undefined) to.label(namespace)
  const length = to.at - start - 2
  to.bytes[start] = length >> 8
  to.bytes[start + 1] = length & 0xff
}

/** The object whose key length stands where the reader is. */
export function readObject(kind: Kind, from: RecordReader): ClusterObject {
  const identity = readIdentity(kind, from)
  return FORMS[kind].read(identity, from)
}

/** Sets the reader to the fields of a record, behind its key and names. */
export function skipIdentity(from: RecordReader): void {
  const length = from.word()
  from.at += length
  if (from.octet() === 0) return
  from.skipText()
  from.skipText()
}

interface Identity {
  readonly namespace: string
  readonly name: string
}

function readIdentity(kind: Kind, from: RecordReader): Identity {
  from.word()
  const name = from.label()
  const namespace = kind === 'Namespace' ? '' : from.label()
  return from.octet() === 0 ? { namespace, name } : { name: from.text(), namespace: from.text() }
}

interface Form<T extends ClusterObject> {
  write(object: T, to: RecordWriter): void
  read(identity: Identity, from: RecordReader): T
}

/** Type, cluster IPs, ports, external name, external addresses, whether there is a selector. */
const SERVICE: Form<Service> = {
  write(service, to) {
    to.text(service.type)
    writeList(service.clusterIps, to, (ip) => to.host(ip))
    writePorts(service.ports, to)
    to.text(service.externalName)
    writeList(service.externalIps, to, (ip) => to.host(ip))
    to.octet(service.hasSelector ? 1 : 0)
  },
  read({ namespace, name }, from) {
    return {
      kind: 'Service', namespace, name,
      type: from.text(),
      clusterIps: readList(from, () => from.host()),
      ports: readPorts(from),
      externalName: from.text(),
      externalIps: readList(from, () => from.host()),
      hasSelector: from.octet() === 1,
    }
  },
}

/** Service, endpoints. */
const SLICE: Form<EndpointSlice> = {
  write(slice, to) {
    to.text(slice.service)
    writeEndpoints(slice, to)
  },
  read: ({ namespace, name }, from) => ({ kind: 'EndpointSlice', namespace, name, service: from.text(), ...readEndpoints(from) }),
}

/** Service, cluster, endpoints. */
const IMPORTED_SLICE: Form<ImportedSlice> = {
  write(slice, to) {
    to.text(slice.service)
    to.text(slice.cluster)
    writeEndpoints(slice, to)
  },
  read: ({ namespace, name }, from) => ({ kind: 'ImportedSlice', namespace, name, service: from.text(), cluster: from.text(), ...readEndpoints(from) }),
}

type Endpoints = Pick<EndpointSlice, 'addresses' | 'ports' | 'triggeredMs'>

/** Ports, topology zones, then of each address: host, number of its zone, host name, name of its pod. */
function writeEndpoints({ ports, addresses }: Endpoints, to: RecordWriter): void {
  writePorts(ports, to)
  const zones = [...new Set(addresses.map((address) => address.zone))]
  writeList(zones, to, (zone) => to.text(zone))
  writeList(addresses, to, (address) => {
    to.host(address.text)
    to.count(zones.indexOf(address.zone))
    to.text(address.hostname)
    to.text(address.targetName)
  })
}

function readEndpoints(from: RecordReader): Endpoints {
  const ports = readPorts(from)
  const zones = readList(from, () => from.text())
  const addresses = readList<EndpointAddress>(from, () => ({ text: from.host(), zone: zones[from.count()]!, hostname: from.text(), targetName: from.text() }))
  return { addresses, ports, triggeredMs: undefined }
}

/** Whether it is headless, addresses, ports. */
const SERVICE_IMPORT: Form<ServiceImport> = {
  write(each, to) {
    to.octet(each.headless ? 1 : 0)
    writeList(each.ips, to, (ip) => to.host(ip))
    writePorts(each.ports, to)
  },
  read: ({ namespace, name }, from) => ({ kind: 'ServiceImport', namespace, name, headless: from.octet() === 1, ips: readList(from, () => from.host()), ports: readPorts(from) }),
}

const NAMESPACE: Form<Namespace> = {
  write() {},
  read: ({ name }) => ({ kind: 'Namespace', name }),
}

/** Address, labels. A Pod that is being deleted is never written. */
const POD: Form<Pod> = {
  write(pod, to) {
    to.host(pod.ip)
    writeList(Object.entries(pod.labels), to, ([key, value]) => {
      to.text(key)
      to.text(value)
    })
  },
  read: ({ namespace, name }, from) => ({ kind: 'Pod', namespace, name, ip: from.host(), labels: Object.fromEntries(readList(from, () => [from.text(), from.text()])), deleting: false }),
}

const FORMS: { readonly [K in Kind]: Form<Extract<ClusterObject, { kind: K }>> } = {
  Service: SERVICE, EndpointSlice: SLICE, Namespace: NAMESPACE, Pod: POD, ServiceImport: SERVICE_IMPORT, ImportedSlice: IMPORTED_SLICE,
}

/** Port numbers are written plus one, since -1 is one. */
function writePorts(ports: readonly ServicePort[], to: RecordWriter): void {
  writeList(ports, to, (port) => {
    to.count(port.port + 1)
    to.text(port.name)
    to.text(port.protocol)
  })
}

function readPorts(from: RecordReader): readonly ServicePort[] {
  return readList(from, () => ({ port: from.count() - 1, name: from.text(), protocol: from.text() }))
}

function writeList<T>(list: readonly T[], to: RecordWriter, write: (item: T) => void): void {
  to.count(list.length)
  for (const item of list) write(item)
}

function readList<T>(from: RecordReader, read: () => T): T[] {
  const list: T[] = []
  for (let left = from.count(); left > 0; left--) list.push(read())
  return list
}

function isLower(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f || (code >= 0x41 && code <= 0x5a)) return false
  }
  return true
}
