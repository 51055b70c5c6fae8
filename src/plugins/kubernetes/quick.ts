import type { ClusterFeed } from '../../cluster/hub.ts'
import type { SliceKind } from '../../cluster/index.ts'
import type { Ref } from '../../cluster/packed/arena.ts'
import { sameOctets } from '../../cluster/packed/octets.ts'
import { RecordReader } from '../../cluster/packed/reader.ts'
import { skipIdentity } from '../../cluster/packed/record.ts'
import { DONE, NEXT } from '../../core/plugin.ts'
import { IN_FULL, type QuickStage, type QuickVerdict } from '../../core/quick.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { QuickZones } from '../../core/quick-zones.ts'
import { RCODE, TYPE } from '../../wire/codes.ts'
import { countLabels, nameToWire, parseName, wireLength } from '../../wire/name.ts'
import type { KubernetesOptions } from './options.ts'
import { QuickHits, type Span } from './quick-hits.ts'
import { isPlain, QuickRecords } from './quick-records.ts'
import { QuickReverse } from './quick-reverse.ts'

/** Rare, or with a form of their own. */
const TYPES_IN_FULL = new Set<number>([TYPE.SOA, TYPE.NS, TYPE.TXT, TYPE.CNAME, TYPE.AXFR, TYPE.IXFR])
const SVC = Uint8Array.from(Buffer.from('\x03svc'))
const POD = Uint8Array.from(Buffer.from('\x03pod'))
const DNS = Uint8Array.from(Buffer.from('\x03dns'))
const NONE = Uint8Array.from(Buffer.from('None'))
const EXTERNAL = Uint8Array.from(Buffer.from('ExternalName'))
const NOTHING: Uint8Array = new Uint8Array(0)

interface Zone {
  readonly labels: number
  /** Answered from what other clusters share. */
  readonly multicluster: boolean
  /** Octets of its wire form. */
  readonly size: number
}

/**
 * The quick way through the kubernetes stage: `Kubernetes.#find` and all below it over octets, for the questions that clients ask most.
 * What it does not do itself it leaves to the ordinary way: ExternalName, names of topology zones, the zone's own records, addresses
 * of several owners, IPv6 labels, objects with odd names, and everything while the index is not in sync.
 */
export class QuickKubernetes implements QuickStage {
  readonly #options: KubernetesOptions
  readonly #feed: () => ClusterFeed
  readonly #zones: QuickZones<Zone>
  /** Names that are no host names: `in-addr.arpa.` and `ip6.arpa.`. */
  readonly #arpa = new QuickZones<4 | 16>([['in-addr.arpa.', 4], ['ip6.arpa.', 16]])
  readonly #fallthrough: QuickZones<true> | undefined
  readonly #namespaces: readonly Uint8Array[]
  readonly #hits = new QuickHits()
  readonly #records: QuickRecords
  readonly #reverse: QuickReverse
  readonly #reader = new RecordReader()
  readonly #slices: Ref[] = []
  readonly #filter = { endpoint: span(), port: span(), protocol: span() }
  readonly #address = new Uint8Array(4)

  constructor(options: KubernetesOptions, feed: () => ClusterFeed) {
    this.#options = options
    this.#feed = feed
    this.#zones = new QuickZones(options.zones.map((zone) => [zone, { labels: countLabels(zone), multicluster: options.multicluster.has(zone), size: wireLength(zone) }]))
    this.#fallthrough = options.fallthrough && new QuickZones((options.fallthrough.length === 0 ? ['.'] : options.fallthrough).map((zone) => [zone, true]))
    this.#namespaces = [...options.namespaces].flatMap((name) => (parseName(name) === undefined ? [] : [nameToWire(parseName(name)!).slice(0, -1)]))
    this.#records = new QuickRecords(options.ttl)
    this.#reverse = new QuickReverse(options, this.#records, this.#hits)
  }

  query(question: QuickQuestion, reply: QuickReply): QuickVerdict {
    const zone = this.#zones.match(question)
    if (zone === undefined) return NEXT
    const feed = this.#feed()
    if (!feed.source.synced || TYPES_IN_FULL.has(question.type)) return IN_FULL
    const octets = this.#arpa.match(question)
    if (octets !== undefined) {
      const verdict = question.type === TYPE.PTR ? this.#reverse.query(question, reply, octets, feed.index) : IN_FULL
      return verdict === NEXT ? this.#negative(question, reply, zone, RCODE.NXDOMAIN) : verdict
    }
    return this.#forward(question, reply, zone)
  }

  /** As `parseClusterName` reads names, from the right: `svc` or `pod`, namespace, service or address, and up to two labels more. */
  #forward(question: QuickQuestion, reply: QuickReply, zone: Zone): QuickVerdict {
    const { name, labels } = question
    const count = question.labelCount - zone.labels
    for (let i = 0; i < count; i++) if (!isPlain(name, labels[i]! + 1, name[labels[i]!]!)) return IN_FULL
    if (count === 0) return this.#negative(question, reply, zone, RCODE.NOERROR)
    const kindAt = labels[count - 1]!
    const isPod = sameOctets(name, kindAt, POD, 0, POD.length)
    // `ns.dns` has addresses of its own.
    if (!isPod && !sameOctets(name, kindAt, SVC, 0, SVC.length)) return sameOctets(name, kindAt, DNS, 0, DNS.length) ? IN_FULL : this.#negative(question, reply, zone, RCODE.NXDOMAIN)
    if (count === 1) return this.#negative(question, reply, zone, RCODE.NOERROR)
    if (count > 5) return this.#options.zonal && !zone.multicluster ? IN_FULL : this.#negative(question, reply, zone, RCODE.NXDOMAIN)
    const namespaceAt = labels[count - 2]!
    if (!this.#isExposed(name, namespaceAt, kindAt)) return this.#negative(question, reply, zone, RCODE.NXDOMAIN)
    if (isPod && this.#options.pods === 'disabled') return this.#negative(question, reply, zone, RCODE.NXDOMAIN)
    if (count === 2) return this.#negative(question, reply, zone, RCODE.NOERROR)
    const firstAt = labels[count - 3]!
    if (isPod) return this.#pod(question, reply, firstAt, namespaceAt, zone)
    return zone.multicluster ? this.#import(question, reply, count - 3, firstAt, kindAt, zone) : this.#service(question, reply, count - 3, firstAt, kindAt, zone)
  }

  #isExposed(name: Uint8Array, from: number, to: number): boolean {
    if (this.#namespaces.length > 0 && !this.#namespaces.some((each) => each.length === to - from && sameOctets(each, 0, name, from, each.length))) return false
    return this.#feed().index.findPacked('Namespace', name, from, to) !== 0
  }

  #pod(question: QuickQuestion, reply: QuickReply, labelAt: number, namespaceAt: number, zone: Zone): QuickVerdict {
    const form = readDashedAddress(question.name, labelAt, this.#address)
    if (form === 'other' || question.type === TYPE.SRV) return IN_FULL
    const exists = form === 'address' && (this.#options.pods === 'insecure' || this.#reverse.isPodOf(this.#address, question.name, namespaceAt, this.#feed().index))
    if (exists === undefined) return IN_FULL
    if (!exists) return this.#negative(question, reply, zone, RCODE.NXDOMAIN)
    if (question.type !== TYPE.A) return this.#negative(question, reply, zone, RCODE.NOERROR)
    this.#records.address(question, reply, this.#address)
    return this.#positive(reply)
  }

  /** `tail` labels stand before the service: none, an endpoint, or a port and a protocol. */
  #service(question: QuickQuestion, reply: QuickReply, tail: number, serviceAt: number, kindAt: number, zone: Zone): QuickVerdict {
    const { index } = this.#feed()
    const ref = index.findPacked('Service', question.name, serviceAt, kindAt)
    if (ref === 0) return this.#negative(question, reply, zone, RCODE.NXDOMAIN)
    const service = index.openPacked('Service', ref, this.#reader)
    // Names that are not in lower case, and services that others answer for.
    if (service.bytes[service.at + 2 + kindAt - serviceAt] !== 0 || this.#options.ignoreEmptyService) return IN_FULL
    skipIdentity(service)
    const type = service.span()
    if (service.at - type === EXTERNAL.length && sameOctets(service.bytes, type, EXTERNAL, 0, EXTERNAL.length)) return IN_FULL
    this.#readTail(question, tail)
    const hits = this.#hits
    hits.clear()
    const endpoints = isHeadless(service) || this.#filter.endpoint.length > 0
    if (!endpoints && !hits.addService(service, this.#filter)) return IN_FULL
    if (endpoints && !this.#addSlices('EndpointSlice', question, serviceAt, kindAt)) return IN_FULL
    return this.#answer(question, reply, serviceAt, zone, endpoints)
  }

  /** The same for what several clusters share, but for endpoints by their names: those have a cluster too. */
  #import(question: QuickQuestion, reply: QuickReply, tail: number, serviceAt: number, kindAt: number, zone: Zone): QuickVerdict {
    const { index } = this.#feed()
    const ref = index.findPacked('ServiceImport', question.name, serviceAt, kindAt)
    if (ref === 0) return this.#negative(question, reply, zone, RCODE.NXDOMAIN)
    const found = index.openPacked('ServiceImport', ref, this.#reader)
    if (found.bytes[found.at + 2 + kindAt - serviceAt] !== 0 || this.#options.ignoreEmptyService) return IN_FULL
    skipIdentity(found)
    const headless = found.octet() === 1
    if (namesEndpoint(question, tail) || (headless && question.type === TYPE.SRV)) return IN_FULL
    this.#readTail(question, tail)
    const hits = this.#hits
    hits.clear()
    // Without addresses a name may still exist.
    if (!headless && (!hits.addService(found, this.#filter) || hits.count === 0)) return IN_FULL
    if (headless && !this.#addSlices('ImportedSlice', question, serviceAt, kindAt)) return IN_FULL
    return this.#answer(question, reply, serviceAt, zone, headless)
  }

  /** False when one of them holds what the quick way leaves to the ordinary one. */
  #addSlices(kind: SliceKind, question: QuickQuestion, serviceAt: number, kindAt: number): boolean {
    const { index } = this.#feed()
    index.packedSlices(kind, question.name, serviceAt, kindAt, this.#slices)
    for (let i = 0; i < this.#slices.length; i++) {
      const slice = index.openPacked(kind, this.#slices[i]!, this.#reader)
      skipIdentity(slice)
      // The service's name, and the cluster's.
      slice.skipText()
      if (kind === 'ImportedSlice') slice.skipText()
      if (!this.#hits.addSlice(slice, this.#filter, this.#options.endpointPodNames)) return false
    }
    return true
  }

  /** From the hits. The service's labels begin at `serviceAt`. */
  #answer(question: QuickQuestion, reply: QuickReply, serviceAt: number, zone: Zone, endpoints: boolean): QuickVerdict {
    const hits = this.#hits
    if (hits.count === 0) return this.#negative(question, reply, zone, RCODE.NXDOMAIN)
    if (question.type === TYPE.A || question.type === TYPE.AAAA) this.#records.addresses(question, reply, hits)
    else if (question.type === TYPE.SRV && !this.#records.services(question, reply, hits, serviceAt, question.nameLength - zone.size, endpoints)) return IN_FULL
    return reply.answers === 0 ? this.#negative(question, reply, zone, RCODE.NOERROR) : this.#positive(reply)
  }

  #readTail(question: QuickQuestion, tail: number): void {
    const { endpoint, port, protocol } = this.#filter
    setLabel(endpoint, question, tail === 1 ? 0 : -1, false)
    setLabel(port, question, tail === 2 ? 0 : -1, true)
    setLabel(protocol, question, tail === 2 ? 1 : -1, true)
  }

  #positive(reply: QuickReply): QuickVerdict {
    reply.aa = true
    return DONE
  }

  #negative(question: QuickQuestion, reply: QuickReply, zone: Zone, rcode: number): QuickVerdict {
    if (rcode === RCODE.NXDOMAIN && this.#fallthrough?.match(question) === true) return NEXT
    reply.rcode = rcode
    reply.aa = true
    const { index } = this.#feed()
    this.#records.soa(question, reply, question.nameLength - zone.size, zone.multicluster ? index.importSerial : index.serial)
    return DONE
  }
}

/** The reader stands at the cluster IPs of a Service and stays there. */
function isHeadless(service: RecordReader): boolean {
  const { at, bytes } = service
  const count = service.count()
  const isText = count > 0 && service.octet() === 0
  const first = isText ? service.span() : 0
  const headless = isText && service.at - first === NONE.length && sameOctets(bytes, first, NONE, 0, NONE.length)
  service.at = at
  return headless
}

/** `10-0-0-1`: four numbers make an IPv4 address, or nothing when they are too large; other forms are `other`. */
function readDashedAddress(name: Uint8Array, labelAt: number, into: Uint8Array): 'address' | 'none' | 'other' {
  let octet = 0
  let value = -1
  let sound = true
  for (let i = labelAt + 1, end = labelAt + 1 + name[labelAt]!; i < end; i++) {
    const code = name[i]!
    if (code === 0x2d) {
      // Two dashes in a row, or one at the end, are forms of IPv6.
      if (value < 0 || octet === 3) return 'other'
      into[octet++] = value
      value = -1
    } else if (code >= 0x30 && code <= 0x39) {
      sound &&= value !== 0
      value = Math.min(value < 0 ? code - 0x30 : value * 10 + code - 0x30, 1000)
      sound &&= value < 256
    } else return 'other'
  }
  if (octet !== 3 || value < 0) return 'other'
  into[3] = value
  return sound ? 'address' : 'none'
}

/** Whether the labels before a service of several clusters are an endpoint, or an endpoint and its cluster: not a port and a protocol. */
function namesEndpoint({ name, labels }: QuickQuestion, tail: number): boolean {
  return tail === 1 || (tail === 2 && name[labels[0]! + 1] !== 0x5f && name[labels[1]! + 1] !== 0x5f)
}

function span(): Span {
  return { bytes: NOTHING, at: 0, length: 0 }
}

/** Label number `index` of the question, without its underscore if `strip`; none for -1. */
function setLabel(to: Span, question: QuickQuestion, index: number, strip: boolean): void {
  const at = index < 0 ? 0 : question.labels[index]!
  const length = index < 0 ? 0 : question.name[at]!
  const from = strip && length > 0 && question.name[at + 1] === 0x5f ? 1 : 0
  to.bytes = question.name
  to.at = at + 1 + from
  to.length = length - from
}
