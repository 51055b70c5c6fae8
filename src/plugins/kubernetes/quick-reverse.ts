import type { ClusterIndex } from '../../cluster/index.ts'
import type { Ref } from '../../cluster/packed/arena.ts'
import { sameOctets } from '../../cluster/packed/octets.ts'
import { RecordReader } from '../../cluster/packed/reader.ts'
import { skipIdentity } from '../../cluster/packed/record.ts'
import { DONE, NEXT } from '../../core/plugin.ts'
import { IN_FULL, type QuickVerdict } from '../../core/quick.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { nameToWire } from '../../wire/name.ts'
import type { KubernetesOptions } from './options.ts'
import type { QuickHits, Span } from './quick-hits.ts'
import type { QuickRecords } from './quick-records.ts'

const MAPPED = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
const SVC_LABEL: Span = { bytes: Uint8Array.from(Buffer.from('svc')), at: 0, length: 3 }

/** The octets' form of `reverseNames`: PTR records where an address has one owner. */
export class QuickReverse {
  readonly #options: KubernetesOptions
  readonly #records: QuickRecords
  readonly #hits: QuickHits
  /** The primary zone. */
  readonly #suffix: Uint8Array
  readonly #reader = new RecordReader()
  readonly #found: Ref[] = []
  readonly #address = new Uint8Array(16)
  readonly #service: Span = { bytes: this.#address, at: 0, length: 0 }
  readonly #namespace: Span = { bytes: this.#address, at: 0, length: 0 }
  readonly #names = [this.#service, this.#namespace, SVC_LABEL]

  constructor(options: KubernetesOptions, records: QuickRecords, hits: QuickHits) {
    this.#options = options
    this.#records = records
    this.#hits = hits
    this.#suffix = nameToWire(options.primaryZone)
  }

  /** `octets` of an address stand before `in-addr.arpa.` or `ip6.arpa.`. NEXT: nobody has it. */
  query(question: QuickQuestion, reply: QuickReply, octets: 4 | 16, index: ClusterIndex): QuickVerdict {
    if (this.#options.namespaces.size > 0 || !this.#readAddress(question, octets)) return IN_FULL
    if (octets === 16 && sameOctets(this.#address, 0, MAPPED, 0, MAPPED.length)) return IN_FULL
    index.packedByAddress('Service', this.#address, octets, this.#found)
    if (this.#found.length > 1) return IN_FULL
    if (this.#found.length === 1) return this.#serviceName(question, reply, octets, index, this.#found[0]!)
    index.packedByAddress('EndpointSlice', this.#address, octets, this.#found)
    if (this.#found.length > 1) return IN_FULL
    return this.#found.length === 0 ? NEXT : this.#endpointName(question, reply, octets, index, this.#found[0]!)
  }

  /** Whether a Pod of the namespace whose label begins at `namespaceAt` has this IPv4 address. Undefined when one says it in another form. */
  isPodOf(address: Uint8Array, name: Uint8Array, namespaceAt: number, index: ClusterIndex): boolean | undefined {
    index.packedByAddress('Pod', address, 4, this.#found)
    for (let i = 0; i < this.#found.length; i++) {
      const pod = index.openPacked('Pod', this.#found[i]!, this.#reader)
      const ownNamespaceAt = pod.at + 3 + pod.bytes[pod.at + 2]!
      const length = pod.bytes[ownNamespaceAt]! + 1
      const same = sameOctets(pod.bytes, ownNamespaceAt, name, namespaceAt, length)
      skipIdentity(pod)
      if (!same) continue
      if (pod.octet() !== 4) return undefined
      if (sameOctets(pod.bytes, pod.at, address, 0, 4)) return true
    }
    return false
  }

  #serviceName(question: QuickQuestion, reply: QuickReply, octets: number, index: ClusterIndex, ref: Ref): QuickVerdict {
    const service = index.openPacked('Service', ref, this.#reader)
    if (!this.#readOwner(service)) return IN_FULL
    service.skipText()
    let has = false
    for (let left = service.count(); left > 0; left--) has = this.#isHere(service, octets) || has
    if (!has || !this.#records.pointer(question, reply, undefined, this.#names, this.#suffix)) return IN_FULL
    reply.aa = true
    return DONE
  }

  #endpointName(question: QuickQuestion, reply: QuickReply, octets: number, index: ClusterIndex, ref: Ref): QuickVerdict {
    const slice = index.openPacked('EndpointSlice', ref, this.#reader)
    if (!this.#readOwner(slice)) return IN_FULL
    this.#service.at = slice.span()
    this.#service.length = slice.at - this.#service.at
    if (this.#service.length === 0) return NEXT
    for (let left = slice.count(); left > 0; left--) {
      slice.count()
      slice.skipText()
      slice.skipText()
    }
    for (let left = slice.count(); left > 0; left--) slice.skipText()
    this.#hits.clear()
    for (let left = slice.count(); left > 0; left--) this.#collect(slice, octets)
    // One that has the address twice may have two names.
    if (this.#hits.count !== 1 || !this.#records.pointer(question, reply, this.#hits, this.#names, this.#suffix)) return IN_FULL
    reply.aa = true
    return DONE
  }

  #collect(slice: RecordReader, octets: number): void {
    const start = slice.at
    const has = this.#isHere(slice, octets)
    slice.count()
    const hostname = slice.span()
    const hostnameLength = slice.at - hostname
    const pod = slice.span()
    const podLength = this.#options.endpointPodNames ? slice.at - pod : 0
    if (!has) return
    const label = hostnameLength > 0 ? hostname : podLength > 0 ? pod : -1
    this.#hits.add(slice.bytes, start + 1, octets, 0, label, hostnameLength > 0 ? hostnameLength : podLength)
  }

  /** Whether the host where the reader stands is the address; the reader is behind it then. */
  #isHere(reader: RecordReader, octets: number): boolean {
    const start = reader.at
    reader.skipHost()
    return reader.bytes[start] === octets && sameOctets(reader.bytes, start + 1, this.#address, 0, octets)
  }

  /** Names of a record that are written as its key; the reader stands at its fields then. */
  #readOwner(record: RecordReader): boolean {
    const nameAt = record.at + 2
    const namespaceAt = nameAt + 1 + record.bytes[nameAt]!
    this.#service.bytes = this.#namespace.bytes = record.bytes
    this.#service.at = nameAt + 1
    this.#service.length = record.bytes[nameAt]!
    this.#namespace.at = namespaceAt + 1
    this.#namespace.length = record.bytes[namespaceAt]!
    if (record.bytes[namespaceAt + 1 + this.#namespace.length] !== 0) return false
    skipIdentity(record)
    return true
  }

  /** The labels before the zone as an address, the last octet or nibble first. */
  #readAddress(question: QuickQuestion, octets: 4 | 16): boolean {
    const { name, labels } = question
    const wanted = octets === 4 ? 4 : 32
    if (question.labelCount !== wanted + 2) return false
    for (let i = 0; i < wanted; i++) {
      const at = labels[wanted - 1 - i]!
      const value = octets === 4 ? decimal(name, at) : nibble(name, at)
      if (value < 0) return false
      if (octets === 4) this.#address[i] = value
      else if (i % 2 === 0) this.#address[i >> 1] = value << 4
      else this.#address[i >> 1] = this.#address[i >> 1]! | value
    }
    return true
  }
}

/** The label at `at` as a number up to 255 without leading zeros, or -1. */
function decimal(name: Uint8Array, at: number): number {
  const length = name[at]!
  if (length > 3 || (length > 1 && name[at + 1] === 0x30)) return -1
  let value = 0
  for (let i = at + 1; i <= at + length; i++) {
    if (name[i]! < 0x30 || name[i]! > 0x39) return -1
    value = value * 10 + name[i]! - 0x30
  }
  return value < 256 ? value : -1
}

/** The label at `at` as one hexadecimal digit in lower case, or -1. */
function nibble(name: Uint8Array, at: number): number {
  const code = name[at + 1]!
  if (name[at] !== 1) return -1
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1
}
