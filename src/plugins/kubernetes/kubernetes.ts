import { ConfigError } from '../../corefile/error.ts'
import { ClusterHub, type ClusterFeed } from '../../cluster/hub.ts'
import type { Change } from '../../cluster/change.ts'
import type { Kind } from '../../cluster/objects.ts'
import { describeSource } from '../../cluster/source/choice.ts'
import { purityName, purityRecord } from '../../cluster/purity.ts'
import { openSource, sourceKey } from '../../cluster/source/open.ts'
import type { Wanted } from '../../cluster/source/source.ts'
import type { Env } from '../../core/env.ts'
import type { Externals } from '../../core/externals.ts'
import { DONE, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import type { QuickStage } from '../../core/quick.ts'
import type { ClusterState } from '../../core/stage-state.ts'
import type { Facts } from '../../core/trace.ts'
import { addressOfReverse } from '../../core/reverse.ts'
import { fallsThrough, matchZone } from '../../core/zones.ts'
import { CLASS, RCODE, TYPE } from '../../wire/codes.ts'
import { EDE, type ExtendedError } from '../../wire/edns.ts'
import { isSubdomain, lowerName, splitLabels, type Name } from '../../wire/name.ts'
import { nameRdata, txtRdata } from '../../wire/rdata.ts'
import { addressRecords, cnameRecords, existence, srvRecords, type Lookups, type Records } from './answer.ts'
import { nameServers, nsAddresses, nsRecords, soaRecord } from './apex.ts'
import { changedNames } from './changed.ts'
import { explainKubernetes } from './explain.ts'
import { ClusterExternals } from './externals.ts'
import { findHits } from './hits.ts'
import { clusterMetadata } from './metadata.ts'
import type { KubernetesOptions } from './options.ts'
import { QuickKubernetes } from './quick.ts'
import { pureZones } from './pure-zones.ts'
import { reverseNames } from './reverse.ts'
import { awaitSync } from './startup.ts'

/** The version of the Kubernetes DNS schema, and how long it may be kept. */
const SCHEMA_VERSION = '1.1.0'
const SCHEMA_TTL = 28_800
/** What is missing may only be missing yet. */
const NOT_READY: ExtendedError = { code: EDE.NOT_READY, text: 'the API server has not told all objects yet' }

type Found = Records | undefined
const NODATA: Records = { answers: [], additionals: [], tc: false }

/** Answers for Services and Pods of a cluster (specification 3.23). */
export class Kubernetes implements Stage {
  readonly name = 'kubernetes'
  readonly externals: Externals
  readonly quick: QuickStage
  readonly #env: Env
  readonly #options: KubernetesOptions
  readonly #hub: ClusterHub
  readonly #key: string
  readonly #snapshot: string | undefined
  readonly #wanted: Wanted
  #feed!: ClusterFeed
  readonly #listeners = new Set<(change: Change) => void>()
  #unlisten: () => void = () => undefined
  #localIps: readonly string[] = []
  #search: readonly Name[] = []
  #pure: ReadonlySet<Name> = new Set()

  constructor(env: Env, options: KubernetesOptions) {
    this.#env = env
    this.#options = options
    this.externals = new ClusterExternals(() => ({ index: this.#feed.index, localIps: this.#localIps }), options, (listener) => this.#listen(listener))
    this.#hub = env.shared('cluster hub', () => new ClusterHub(env.clock))
    const kinds: Kind[] = ['Namespace', 'Service']
    if (options.endpoints) kinds.push('EndpointSlice')
    if (options.pods === 'verified') kinds.push('Pod')
    if (options.multicluster.size > 0) kinds.push('ServiceImport', 'ImportedSlice')
    this.#wanted = { kinds, labels: options.labels, namespaceLabels: options.namespaceLabels, podLabels: options.podLabels }
    this.quick = new QuickKubernetes(options, () => this.#feed)
    this.#snapshot = options.snapshot === undefined ? undefined : env.files.resolve(options.snapshot)
    this.#key = `${sourceKey(options.source, this.#wanted)} ${this.#snapshot ?? ''}`
  }

  async start(): Promise<void> {
    const { source, token, startupTimeoutMs } = this.#options
    try {
      this.#feed = await this.#hub.acquire(this.#key, () => openSource(source, this.#wanted, this.#env, this.#snapshot))
    } catch (error) {
      throw new ConfigError(token, 'kubernetes', error instanceof Error ? error.message : String(error))
    }
    this.#unlisten = this.#feed.index.onChange((change) => { for (const listener of this.#listeners) listener(change) })
    this.#localIps = this.#env.block.bound().length > 0 ? [] : this.#env.host.addresses().filter((entry) => !entry.loopback).map((entry) => entry.address)
    this.#search = this.#env.hostSearchPath()
    this.#pure = pureZones(this.#env, this.#options)
    await awaitSync(this.#feed.source, startupTimeoutMs, this.#env)
  }

  async stop(): Promise<void> {
    this.#unlisten()
    this.#hub.release(this.#key)
    return Promise.resolve()
  }

  ready(): boolean {
    return this.#feed.source.synced
  }

  readyDetail(): string | undefined {
    const staleMs = this.#feed.source.staleSinceMs
    return staleMs === undefined ? undefined : `the API server has not answered since the start; serving the snapshot of ${new Date(staleMs).toISOString()}`
  }

  /** The search list of the pod that asks, for `autopath @kubernetes`. */
  searchPath(q: Query): readonly Name[] | undefined {
    const zone = matchZone(this.#options.zones, q.question.name)
    const pod = zone === undefined || this.#options.pods !== 'verified' ? undefined : this.#feed.index.podsOf(q.client.address)[0]
    if (pod === undefined) return undefined
    const suffix = zone === '.' ? '' : zone!
    return [`${pod.namespace}.svc.${suffix}`, `svc.${suffix}`, zone!, ...this.#search, '']
  }

  /** Listeners stay through the life of the stage; the index may come after them. */
  onChanged(listener: (names: readonly Name[]) => void): () => void {
    return this.#listen((change) => {
      const names = changedNames(change, this.#options.zones)
      if (names.length > 0) listener(names)
    })
  }

  states(): readonly [ClusterState] {
    const { index, source } = this.#feed
    const { zones, source: choice } = this.#options
    return [{
      kind: 'cluster', zones, synced: source.synced, counts: index.counts,
      source: describeSource(choice),
      changedSecondsAgo: index.serial === 0 ? undefined : Math.max(0, Math.floor(this.#env.clock.wallMs() / 1000) - index.serial),
    }]
  }

  explain(q: Query): Facts {
    return explainKubernetes(q.question.name, this.#feed, this.#options)
  }

  metadata(label: string, q: Query): string | undefined {
    return clusterMetadata(label, q, this.#feed.index, this.#options)
  }

  podAddress(namespace: string, name: string): string | undefined {
    return this.#feed.index.addressOfPod(namespace, name)
  }

  podAt(address: string): string | undefined {
    return this.#feed.index.podAt(address)
  }

  query(q: Query): Verdict | Promise<Verdict> {
    const { name, type } = q.question
    const matched = matchZone(this.#options.zones, name)
    if (matched === undefined) return NEXT
    if (type === TYPE.AXFR || type === TYPE.IXFR) {
      q.fail(RCODE.REFUSED)
      return DONE
    }
    // The zone keeps the letter case of the question.
    const zone = matched === '.' ? '.' : name.slice(name.length - matched.length)
    const found = this.#find(q, zone)
    return found instanceof Promise ? found.then((records) => this.#settle(q, zone, records)) : this.#settle(q, zone, found)
  }

  /** Undefined: the name does not exist. */
  #find(q: Query, zone: Name): Found | Promise<Found> {
    const { name, type } = q.question
    const lower = lowerName(name)
    const lookups = this.#lookups(q, zone)
    if (type === TYPE.SOA) return name === zone ? { ...NODATA, answers: [soaRecord(zone, this.#feed.index, this.#options)] } : NODATA
    if (type === TYPE.NS && lower === zone) return { ...NODATA, ...nsRecords(zone, this.#nameServers(zone), this.#options.ttl) }
    if (type === TYPE.TXT) return this.#text(name, lower, zone, lookups)
    if (type === TYPE.PTR) return this.#pointers(name, lower, lookups)
    if (lower.startsWith('ns.dns.') && lower.slice('ns.dns.'.length) === zone) {
      return { ...NODATA, answers: nsAddresses(name, type, this.#nameServers(zone), this.#options.ttl) }
    }
    if (type === TYPE.A || type === TYPE.AAAA) return addressRecords(name, type, lookups)
    if (type === TYPE.SRV) return srvRecords(name, lookups)
    if (type === TYPE.CNAME) return cnameRecords(name, lookups)
    return existence(name, lookups)
  }

  #text(name: Name, lower: Name, zone: Name, lookups: Lookups): Found {
    const labels = splitLabels(lower)
    if (labels[0] === 'dns-version' && labels.length === splitLabels(zone).length + 1) {
      return { ...NODATA, answers: [{ name, type: TYPE.TXT, class: CLASS.IN, ttl: SCHEMA_TTL, rdata: txtRdata([SCHEMA_VERSION]) }] }
    }
    const hits = lookups.hits(lower)
    const zonal = this.#options.zonal && lower.includes('._zone.')
    return hits !== undefined && (hits.length > 0 || zonal) ? NODATA : undefined
  }

  #pointers(name: Name, lower: Name, lookups: Lookups): Found {
    const address = addressOfReverse(lower)
    if (address === undefined) return existence(name, lookups)
    const names = reverseNames(address, this.#feed.index, this.#options)
    if (names.length === 0) return undefined
    return { ...NODATA, answers: names.map((target) => ({ name, type: TYPE.PTR, class: CLASS.IN, ttl: this.#options.ttl, rdata: nameRdata(target) })) }
  }

  #settle(q: Query, zone: Name, found: Found): Verdict {
    if (found === undefined && fallsThrough(this.#options.fallthrough, q.question.name)) return NEXT
    const reply = q.begin(found !== undefined ? RCODE.NOERROR : this.#feed.source.synced ? RCODE.NXDOMAIN : RCODE.SERVFAIL)
    reply.aa = true
    if (reply.rcode === RCODE.SERVFAIL) q.extendedError = NOT_READY
    else if (found === undefined && this.#asksForPurity(q, zone)) reply.additionals = [purityRecord(zone)]
    if (found === undefined || found.answers.length === 0) {
      reply.authorities = [soaRecord(zone, this.#feed.index, this.#options)]
      return DONE
    }
    reply.tc = found.tc
    reply.answers = [...found.answers]
    reply.additionals = [...found.additionals]
    return DONE
  }

  /** The agents do (`pure`). */
  #asksForPurity({ question: { name, type } }: Query, zone: Name): boolean {
    return type === TYPE.TXT && this.#pure.has(lowerName(zone)) && isSubdomain(name, purityName(zone))
  }

  #listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #lookups(q: Query, zone: Name): Lookups {
    return {
      ttl: this.#options.ttl,
      zone,
      hits: (name) => findHits(name, zone, this.#feed.index, this.#options),
      outside: (name, type) => this.#env.ask(q, { scope: 'server', question: { name, type, class: CLASS.IN } }),
    }
  }

  #nameServers(zone: Name) {
    return nameServers(zone, this.#localIps, this.#feed.index, this.#options)
  }
}
