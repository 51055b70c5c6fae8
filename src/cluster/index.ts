import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { formatIp, parseIp, unmapIp } from '../base/ip.ts'
import { KeyedHash } from '../base/keyed-hash.ts'
import type { Slices } from '../base/slices.ts'
import { changeOf, EVERYTHING, type Change } from './change.ts'
import { serviceChanged, sliceChanged } from './compare.ts'
import type { ClusterObject, EndpointSlice, ImportedSlice, Kind, Pod, Service, ServiceImport } from './objects.ts'
import { Arena, type Ref } from './packed/arena.ts'
import { HashIndex } from './packed/hash-index.ts'
import { sameLower, sameOctets } from './packed/octets.ts'
import { RecordReader } from './packed/reader.ts'
import { skipIdentity, writeKey } from './packed/record.ts'
import { RecordTable } from './packed/table.ts'
import { RecordWriter } from './packed/writer.ts'

export type SliceKind = 'EndpointSlice' | 'ImportedSlice'

/**
 * Services, EndpointSlices, Namespaces, Pods and what other clusters share by what DNS asks for: name, namespace, address. Names are compared without regard
 * to case; lists come in the order in which their objects arrived. Written by a source, read by the kubernetes stage. Objects are
 * kept packed (`packed/record.ts`); those that come out are made anew.
 */
export class ClusterIndex {
  readonly #clock: Clock
  readonly #hash = new KeyedHash(randomBytes(4).readInt32LE(), randomBytes(4).readInt32LE())
  readonly #tables: Readonly<Record<Kind, RecordTable>>
  readonly #servicesByIp = new HashIndex()
  readonly #servicesByExternalIp = new HashIndex()
  readonly #slicesByService: Readonly<Record<SliceKind, HashIndex>> = { EndpointSlice: new HashIndex(), ImportedSlice: new HashIndex() }
  readonly #slicesByIp = new HashIndex()
  readonly #podsByIp = new HashIndex()
  readonly #listeners = new Set<(change: Change) => void>()
  /** Kinds whose first list is still coming in: not to be seen, since half of it would answer wrongly. */
  readonly #hidden = new Set<Kind>()
  readonly #listed = new Set<Kind>()
  readonly #scratch = new RecordWriter()
  readonly #reader = new RecordReader()
  #serial = 0
  #importSerial = 0

  constructor(clock: Clock) {
    this.#clock = clock
    const arena = new Arena()
    const table = (kind: Kind) => new RecordTable(kind, arena, this.#hash)
    this.#tables = {
      Service: table('Service'), EndpointSlice: table('EndpointSlice'), Namespace: table('Namespace'), Pod: table('Pod'),
      ServiceImport: table('ServiceImport'), ImportedSlice: table('ImportedSlice'),
    }
  }

  /** Unix seconds of the last change that DNS can see; 0 before any. */
  get serial(): number {
    return this.#serial
  }

  /** The same for what other clusters share. */
  get importSerial(): number {
    return this.#importSerial
  }

  service(namespace: string, name: string): Service | undefined {
    const ref = this.#find('Service', namespace, name)
    return ref === 0 ? undefined : this.#tables.Service.read(ref) as Service
  }

  serviceImport(namespace: string, name: string): ServiceImport | undefined {
    const ref = this.#find('ServiceImport', namespace, name)
    return ref === 0 ? undefined : this.#tables.ServiceImport.read(ref) as ServiceImport
  }

  /** Services that have this cluster IP; like all addresses here in canonical text (RFC 5952). */
  servicesOf(ip: string): Service[] {
    return this.#byAddress<Service>('Service', this.#servicesByIp, ip, (service) => service.clusterIps.some((text) => canonical(text) === ip))
  }

  /** Services that have this address outside the cluster: an external IP, or that of a load balancer. */
  servicesOutside(ip: string): Service[] {
    return this.#byAddress<Service>('Service', this.#servicesByExternalIp, ip, (service) => service.externalIps.some((text) => canonical(text) === ip))
  }

  /** Slices labelled with this service. */
  slices(namespace: string, service: string): EndpointSlice[] {
    return this.#slicesOf<EndpointSlice>('EndpointSlice', namespace, service)
  }

  /** Slices labelled with this ServiceImport. */
  importedSlices(namespace: string, service: string): ImportedSlice[] {
    return this.#slicesOf<ImportedSlice>('ImportedSlice', namespace, service)
  }

  /** Slices that hold this address. */
  slicesOf(ip: string): EndpointSlice[] {
    return this.#byAddress<EndpointSlice>('EndpointSlice', this.#slicesByIp, ip, (slice) => slice.addresses.some((address) => canonical(address.text) === ip))
  }

  hasNamespace(name: string): boolean {
    return this.#find('Namespace', undefined, name) !== 0
  }

  podsOf(ip: string): Pod[] {
    return this.#byAddress<Pod>('Pod', this.#podsByIp, ip, (pod) => canonical(pod.ip) === ip)
  }

  /** The address of a pod, from its own record where Pods are watched, else from the endpoints that name it. Walks all of them. */
  addressOfPod(namespace: string, name: string): string | undefined {
    const ref = this.#find('Pod', namespace, name)
    if (ref !== 0) return (this.#tables.Pod.read(ref) as Pod).ip
    for (const sliceRef of this.#hidden.has('EndpointSlice') ? [] : this.#tables.EndpointSlice.refs()) {
      const slice = this.#tables.EndpointSlice.read(sliceRef) as EndpointSlice
      if (slice.namespace.toLowerCase() !== namespace.toLowerCase()) continue
      const found = slice.addresses.find((address) => address.targetName.toLowerCase() === name.toLowerCase())
      if (found !== undefined) return found.text
    }
    return undefined
  }

  /** `NAMESPACE/NAME` of the pod that has this address, from its own record where Pods are watched, else from an endpoint that names it. */
  podAt(ip: string): string | undefined {
    const pod = this.podsOf(ip)[0]
    if (pod !== undefined) return `${pod.namespace}/${pod.name}`
    for (const slice of this.slicesOf(ip)) {
      const name = slice.addresses.find((address) => canonical(address.text) === ip)?.targetName
      if (name !== undefined && name !== '') return `${slice.namespace}/${name}`
    }
    return undefined
  }

  /** For readers of octets: the record with this key (`RecordTable.findKey`), or 0. */
  findPacked(kind: Kind, key: Uint8Array, from: number, to: number): Ref {
    return this.#hidden.has(kind) ? 0 : this.#tables[kind].findKey(key, from, to)
  }

  /** Sets a reader to the beginning of a record (`packed/record.ts`). Good until the index changes. */
  openPacked(kind: Kind, ref: Ref, reader: RecordReader): RecordReader {
    return this.#tables[kind].open(ref, reader)
  }

  /** Fills `into` with the slices of the service that has this key, in the order of their arrival. */
  packedSlices(kind: SliceKind, key: Uint8Array, from: number, to: number, into: Ref[]): void {
    into.length = 0
    const index = this.#slicesByService[kind]
    if (this.#hidden.has(kind)) return
    const hash = this.#hash.of(key, from, to)
    for (let slot = index.first(hash); slot >= 0; slot = index.next(slot)) if (this.#isSliceOf(kind, index.at(slot), key, from)) into.push(index.at(slot))
    if (into.length > 1) into.sort((a, b) => this.#tables[kind].order(a, b))
  }

  /** Fills `into` with records that may have the address; whoever reads them makes sure. */
  packedByAddress(kind: 'Service' | 'EndpointSlice' | 'Pod', address: Uint8Array, length: number, into: Ref[]): void {
    into.length = 0
    const index = kind === 'Service' ? this.#servicesByIp : kind === 'Pod' ? this.#podsByIp : this.#slicesByIp
    if (this.#hidden.has(kind)) return
    const hash = this.#hash.of(address, 0, length)
    for (let slot = index.first(hash); slot >= 0; slot = index.next(slot)) into.push(index.at(slot))
  }

  get counts(): Readonly<Record<Kind, number>> {
    const { Service, EndpointSlice, Namespace, Pod, ServiceImport, ImportedSlice } = this.#tables
    return { Service: Service.size, EndpointSlice: EndpointSlice.size, Namespace: Namespace.size, Pod: Pod.size, ServiceImport: ServiceImport.size, ImportedSlice: ImportedSlice.size }
  }

  /** Calls `listener` after each change that was one, until the result is called. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Adds an object, or puts it in the place of the one it is a newer state of. */
  put(object: ClusterObject): void {
    const table = this.#tables[object.kind]
    if (object.kind === 'Pod' && object.deleting) {
      const known = table.find(object.namespace, object.name)
      // It still answers, and goes with its deletion.
      if (known !== 0) return table.keep(known)
    }
    let before: ClusterObject | undefined
    const ref = table.put(object, (old) => {
      before = table.read(old)
      this.#unlink(before, old)
    })
    if (ref === 0) return
    this.#link(object, ref)
    this.#changed(before, object)
  }

  /** Namespaces have no namespace: ''. Objects that are not there are no error. */
  remove(kind: Kind, namespace: string, name: string): void {
    const ref = this.#tables[kind].find(kind === 'Namespace' ? undefined : namespace, name)
    if (ref !== 0) this.#remove(kind, ref)
  }

  /** From here on everything of a kind is put once more, until `finishList`. What is known stays meanwhile. */
  startList(kind: Kind): void {
    this.#tables[kind].startList()
    if (!this.#listed.has(kind)) this.#hidden.add(kind)
  }

  /** The list is complete: what was not put since it started goes, in pieces. Nothing of this kind may be put until it resolves. */
  async finishList(kind: Kind, slices: Slices): Promise<void> {
    for (const ref of this.#tables[kind].leftOver()) {
      const pause = slices.pause()
      if (pause !== undefined) await pause
      this.#remove(kind, ref)
    }
    this.#listed.add(kind)
    if (this.#hidden.delete(kind)) this.#tell(() => EVERYTHING)
  }

  /**
   * Adds what an earlier process knew, of kinds that no list has told all of yet, and shows it. What has come in from a list that is
   * under way is newer and stays; the list takes away what it does not name.
   */
  restore(objects: Iterable<ClusterObject>): void {
    for (const object of objects) {
      const table = this.#tables[object.kind]
      if (this.#listed.has(object.kind) || table.find(object.kind === 'Namespace' ? undefined : object.namespace, object.name) !== 0) continue
      const ref = table.put(object, () => undefined)
      table.disown(ref)
      this.#link(object, ref)
      this.#changed(undefined, object)
    }
    this.#hidden.clear()
    for (const kind of Object.keys(this.#tables) as Kind[]) this.#listed.add(kind)
    this.#tell(() => EVERYTHING)
  }

  /** The octets of every record of a kind, where they lie. The index must not change meanwhile. */
  * packed(kind: Kind): Generator<Buffer> {
    const table = this.#tables[kind]
    for (const ref of table.refs()) yield table.octets(ref)
  }

  /** Every object, in no particular order. The index must not change meanwhile. */
  * objects(): Generator<ClusterObject> {
    for (const table of Object.values(this.#tables)) for (const ref of table.refs()) yield table.read(ref)
  }

  /** `key` from `from` on is a service's: its name, then its namespace. */
  #isSliceOf(kind: SliceKind, ref: Ref, key: Uint8Array, from: number): boolean {
    const reader = this.#tables[kind].open(ref, this.#reader)
    const { bytes } = reader
    const namespaceAt = reader.at + 3 + bytes[reader.at + 2]!
    const keyNamespaceAt = from + 1 + key[from]!
    if (!sameOctets(bytes, namespaceAt, key, keyNamespaceAt, key[keyNamespaceAt]! + 1)) return false
    skipIdentity(reader)
    const service = reader.span()
    return reader.at - service === key[from] && sameLower(bytes, service, key, from + 1, key[from]!)
  }

  #remove(kind: Kind, ref: Ref): void {
    const object = this.#tables[kind].read(ref)
    this.#unlink(object, ref)
    this.#tables[kind].remove(ref)
    this.#changed(object, undefined)
  }

  #link(object: ClusterObject, ref: Ref): void {
    for (const [index, hash] of this.#links(object)) index.add(hash, ref)
  }

  #unlink(object: ClusterObject, ref: Ref): void {
    for (const [index, hash] of this.#links(object)) index.remove(hash, ref)
  }

  /** Where else than under its key an object is found. */
  * #links(object: ClusterObject): Generator<readonly [HashIndex, number]> {
    const addresses = object.kind === 'Service' ? object.clusterIps : object.kind === 'Pod' ? [object.ip] : object.kind === 'EndpointSlice' ? object.addresses.map((address) => address.text) : []
    const byIp = object.kind === 'Service' ? this.#servicesByIp : object.kind === 'Pod' ? this.#podsByIp : this.#slicesByIp
    yield* this.#byTexts(byIp, addresses)
    if (object.kind === 'Service') yield* this.#byTexts(this.#servicesByExternalIp, object.externalIps)
    if (object.kind === 'EndpointSlice' || object.kind === 'ImportedSlice') yield [this.#slicesByService[object.kind], this.#nameHash(object.namespace, object.service)]
  }

  * #byTexts(index: HashIndex, texts: readonly string[]): Generator<readonly [HashIndex, number]> {
    for (const text of texts) {
      const address = parseIp(text)
      if (address !== undefined) yield [index, this.#addressHash(address)]
    }
  }

  #changed(before: ClusterObject | undefined, after: ClusterObject | undefined): void {
    const { kind } = (before ?? after)!
    if (kind === 'ServiceImport' || kind === 'ImportedSlice') this.#importSerial = Math.floor(this.#clock.wallMs() / 1000)
    else if (movesSerial(before, after)) this.#serial = Math.floor(this.#clock.wallMs() / 1000)
    if (!this.#hidden.has(kind)) this.#tell(() => changeOf(before, after))
  }

  #tell(describe: () => Change): void {
    if (this.#listeners.size === 0) return
    const change = describe()
    for (const listener of this.#listeners) listener(change)
  }

  #find(kind: Kind, namespace: string | undefined, name: string): Ref {
    return this.#hidden.has(kind) ? 0 : this.#tables[kind].find(namespace, name)
  }

  #byAddress<T extends ClusterObject>(kind: T['kind'], index: HashIndex, ip: string, accept: (object: T) => boolean): T[] {
    const address = parseIp(ip)
    return address === undefined ? [] : this.#all(kind, index, this.#addressHash(address), accept)
  }

  #slicesOf<T extends EndpointSlice | ImportedSlice>(kind: T['kind'], namespace: string, service: string): T[] {
    const [wantedNamespace, wantedService] = [namespace.toLowerCase(), service.toLowerCase()]
    return this.#all<T>(kind, this.#slicesByService[kind], this.#nameHash(namespace, service), (slice) =>
      slice.service.toLowerCase() === wantedService && slice.namespace.toLowerCase() === wantedNamespace)
  }

  /** Objects under a hash that are really meant, in the order of their arrival. */
  #all<T extends ClusterObject>(kind: T['kind'], index: HashIndex, hash: number, accept: (object: T) => boolean): T[] {
    if (this.#hidden.has(kind)) return []
    const table = this.#tables[kind]
    const found: { readonly ref: Ref; readonly object: T }[] = []
    for (let slot = index.first(hash); slot >= 0; slot = index.next(slot)) {
      const object = table.read(index.at(slot)) as T
      if (accept(object)) found.push({ ref: index.at(slot), object })
    }
    return found.sort((a, b) => table.order(a.ref, b.ref)).map((entry) => entry.object)
  }

  #addressHash(address: Uint8Array): number {
    const plain = unmapIp(address)
    return this.#hash.of(plain, 0, plain.length)
  }

  #nameHash(namespace: string, name: string): number {
    this.#scratch.at = 0
    writeKey(namespace, name, this.#scratch)
    return this.#hash.of(this.#scratch.bytes, 2, this.#scratch.at)
  }
}

/** Whether SOA serials tell of this change; cluster IPs and namespaces are not among what does, as in CoreDNS. */
function movesSerial(before: ClusterObject | undefined, after: ClusterObject | undefined): boolean {
  if (before === undefined || after === undefined) return (before ?? after)!.kind !== 'Namespace'
  if (after.kind === 'Service') return serviceChanged(before as Service, after)
  if (after.kind === 'EndpointSlice') return sliceChanged(before as EndpointSlice, after)
  return after.kind === 'Pod' && (before as Pod).ip !== after.ip
}

/** One text per address, however the manifest writes it; names stay as they are. */
function canonical(ip: string): string {
  const bytes = parseIp(ip)
  return bytes === undefined ? ip : formatIp(bytes)
}
