import type { Clock } from '../base/clock.ts'
import { formatIp, parseIp } from '../base/ip.ts'
import type { ClusterObject, EndpointSlice, Kind, Namespace, Pod, Service } from './objects.ts'

/** What an event changed, for caches that want to forget exactly that. */
export interface Change {
  readonly kind: Kind
  readonly namespace: string
  /** Service of a Service or EndpointSlice event, else the object's name. */
  readonly name: string
}

/**
 * Services, EndpointSlices, Namespaces and Pods by what DNS asks for: name, namespace, address. Names are compared without regard
 * to case. Lists come in the order in which their objects arrived. Written by a source, read by the kubernetes stage.
 */
export class ClusterIndex {
  readonly #clock: Clock
  readonly #services = new Map<string, Service>()
  readonly #servicesByIp = new Map<string, Service[]>()
  readonly #slices = new Map<string, EndpointSlice>()
  readonly #slicesByService = new Map<string, EndpointSlice[]>()
  readonly #slicesByIp = new Map<string, EndpointSlice[]>()
  readonly #namespaces = new Set<string>()
  readonly #pods = new Map<string, Pod>()
  readonly #podsByIp = new Map<string, Pod[]>()
  readonly #listeners = new Set<(change: Change) => void>()
  #serial = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Unix seconds of the last change that DNS can see; 0 before any. */
  get serial(): number {
    return this.#serial
  }

  /** `namespace` and `name` lower-cased. */
  service(namespace: string, name: string): Service | undefined {
    return this.#services.get(`${namespace}/${name}`)
  }

  /** Services that have this cluster IP; like all addresses here in canonical text (RFC 5952). */
  servicesOf(ip: string): readonly Service[] {
    return this.#servicesByIp.get(ip) ?? []
  }

  /** Slices labelled with this service; `namespace` and `service` lower-cased. */
  slices(namespace: string, service: string): readonly EndpointSlice[] {
    return this.#slicesByService.get(`${namespace}/${service}`) ?? []
  }

  /** Slices that hold this address. */
  slicesOf(ip: string): readonly EndpointSlice[] {
    return this.#slicesByIp.get(ip) ?? []
  }

  /** Lower-cased. */
  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name)
  }

  podsOf(ip: string): readonly Pod[] {
    return this.#podsByIp.get(ip) ?? []
  }

  get counts(): Readonly<Record<Kind, number>> {
    return { Service: this.#services.size, EndpointSlice: this.#slices.size, Namespace: this.#namespaces.size, Pod: this.#pods.size }
  }

  /** Calls `listener` after each change, until the result is called. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Adds an object, or puts it in the place of the one it is a newer state of. */
  put(object: ClusterObject): void {
    switch (object.kind) {
      case 'Service': return this.#putService(object)
      case 'EndpointSlice': return this.#putSlice(object)
      case 'Namespace': return this.#putNamespace(object)
      case 'Pod': return this.#putPod(object)
    }
  }

  /** Namespaces have no namespace: ''. Objects that are not there are no error. */
  remove(kind: Kind, namespace: string, name: string): void {
    const key = keyOf(namespace, name)
    switch (kind) {
      case 'Service': return this.#removeService(key)
      case 'EndpointSlice': return this.#removeSlice(key)
      case 'Namespace': return this.#removeNamespace(name)
      case 'Pod': return this.#removePod(key)
    }
  }

  /** Makes `objects` all there is of a kind: what is not among them goes. */
  replace(kind: Kind, objects: Iterable<ClusterObject>): void {
    const stay = new Set<string>()
    for (const object of objects) {
      stay.add(object.kind === 'Namespace' ? object.name.toLowerCase() : keyOf(object.namespace, object.name))
      this.put(object)
    }
    for (const [key, namespace, name] of this.#identities(kind)) if (!stay.has(key)) this.remove(kind, namespace, name)
  }

  #putService(service: Service): void {
    const key = keyOf(service.namespace, service.name)
    const before = this.#services.get(key)
    if (before !== undefined) for (const ip of before.clusterIps) drop(this.#servicesByIp, canonical(ip), before)
    this.#services.set(key, service)
    for (const ip of service.clusterIps) if (ip !== '' && ip !== 'None') append(this.#servicesByIp, canonical(ip), service)
    if (before === undefined || serviceChanged(before, service)) this.#touch()
    this.#tell('Service', service.namespace, service.name)
  }

  #removeService(key: string): void {
    const before = this.#services.get(key)
    if (before === undefined) return
    this.#services.delete(key)
    for (const ip of before.clusterIps) drop(this.#servicesByIp, canonical(ip), before)
    this.#touch()
    this.#tell('Service', before.namespace, before.name)
  }

  #putSlice(slice: EndpointSlice): void {
    const key = keyOf(slice.namespace, slice.name)
    const before = this.#slices.get(key)
    if (before !== undefined) this.#unlinkSlice(before)
    this.#slices.set(key, slice)
    append(this.#slicesByService, keyOf(slice.namespace, slice.service), slice)
    for (const ip of addressTexts(slice)) append(this.#slicesByIp, ip, slice)
    if (before === undefined || sliceChanged(before, slice)) this.#touch()
    this.#tell('EndpointSlice', slice.namespace, slice.service)
  }

  #removeSlice(key: string): void {
    const before = this.#slices.get(key)
    if (before === undefined) return
    this.#slices.delete(key)
    this.#unlinkSlice(before)
    this.#touch()
    this.#tell('EndpointSlice', before.namespace, before.service)
  }

  #unlinkSlice(slice: EndpointSlice): void {
    drop(this.#slicesByService, keyOf(slice.namespace, slice.service), slice)
    for (const ip of addressTexts(slice)) drop(this.#slicesByIp, ip, slice)
  }

  #putNamespace(namespace: Namespace): void {
    this.#namespaces.add(namespace.name.toLowerCase())
    this.#tell('Namespace', '', namespace.name)
  }

  #removeNamespace(name: string): void {
    this.#namespaces.delete(name.toLowerCase())
    this.#tell('Namespace', '', name)
  }

  #putPod(pod: Pod): void {
    const key = keyOf(pod.namespace, pod.name)
    const before = this.#pods.get(key)
    if (pod.deleting && before !== undefined) return
    if (before !== undefined) drop(this.#podsByIp, canonical(before.ip), before)
    this.#pods.set(key, pod)
    if (pod.ip !== '') append(this.#podsByIp, canonical(pod.ip), pod)
    if (before?.ip !== pod.ip) this.#touch()
    this.#tell('Pod', pod.namespace, pod.name)
  }

  #removePod(key: string): void {
    const before = this.#pods.get(key)
    if (before === undefined) return
    this.#pods.delete(key)
    drop(this.#podsByIp, canonical(before.ip), before)
    this.#touch()
    this.#tell('Pod', before.namespace, before.name)
  }

  #identities(kind: Kind): [key: string, namespace: string, name: string][] {
    if (kind === 'Namespace') return [...this.#namespaces].map((name) => [name, '', name])
    const table: ReadonlyMap<string, Service | EndpointSlice | Pod> = kind === 'Service' ? this.#services : kind === 'Pod' ? this.#pods : this.#slices
    return [...table].map(([key, object]) => [key, object.namespace, object.name])
  }

  #touch(): void {
    this.#serial = Math.floor(this.#clock.wallMs() / 1000)
  }

  #tell(kind: Kind, namespace: string, name: string): void {
    for (const listener of this.#listeners) listener({ kind, namespace, name })
  }
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`.toLowerCase()
}

function addressTexts(slice: EndpointSlice): Set<string> {
  return new Set(slice.addresses.map((address) => canonical(address.text)))
}

/** Cluster IPs are not among what moves the serial, as in CoreDNS. */
function serviceChanged(a: Service, b: Service): boolean {
  return a.externalName !== b.externalName || !samePorts(a.ports, b.ports)
}

function sliceChanged(a: EndpointSlice, b: EndpointSlice): boolean {
  return a.addresses.length !== b.addresses.length || !samePorts(a.ports, b.ports)
    || a.addresses.some((address, i) => address.text !== b.addresses[i]!.text || address.hostname !== b.addresses[i]!.hostname || address.zone !== b.addresses[i]!.zone)
}

function samePorts(a: Service['ports'], b: Service['ports']): boolean {
  return a.length === b.length && a.every((port, i) => port.name === b[i]!.name && port.port === b[i]!.port && port.protocol === b[i]!.protocol)
}

/** One text per address, however the manifest writes it; names stay as they are. */
function canonical(ip: string): string {
  const bytes = parseIp(ip)
  return bytes === undefined ? ip : formatIp(bytes)
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

function drop<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list === undefined) return
  const left = list.filter((other) => other !== value)
  if (left.length === 0) map.delete(key)
  else map.set(key, left)
}
