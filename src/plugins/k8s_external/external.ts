import { ConfigError } from '../../corefile/error.ts'
import type { Env } from '../../core/env.ts'
import type { Externals } from '../../core/externals.ts'
import { DONE, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { addressOfReverse, reverseName } from '../../core/reverse.ts'
import { fallsThrough, matchZone } from '../../core/zones.ts'
import { CLASS, RCODE, TYPE } from '../../wire/codes.ts'
import { countLabels, isSubdomain, lowerName, splitLabels, type Name } from '../../wire/name.ts'
import { isAddress } from '../../wire/rdata.ts'
import { Apex } from './apex.ts'
import type { K8sExternalOptions } from './options.ts'
import { addressRecords, below, NODATA, pointerRecords, serviceRecords, type Found, type Lookups } from './records.ts'

/** Names for those outside the cluster: `SERVICE.NAMESPACE.ZONE` is what the service has outside (specification 3.24, 16.18). */
export class KubernetesExternal implements Stage {
  readonly name = 'k8s_external'
  readonly #env: Env
  readonly #options: K8sExternalOptions
  #externals!: Externals
  #apex!: Apex

  constructor(env: Env, options: K8sExternalOptions) {
    this.#env = env
    this.#options = options
  }

  start(): Promise<void> {
    const cluster = this.#env.siblings().find((stage) => stage.name === 'kubernetes')
    if (cluster?.externals === undefined) throw new ConfigError(this.#options.token, 'k8s_external', 'kubernetes plugin not loaded; add kubernetes to this block')
    this.#externals = cluster.externals
    this.#apex = new Apex(cluster.externals, this.#options)
    return Promise.resolve()
  }

  onChanged(listener: (names: readonly Name[]) => void): () => void {
    const { zones } = this.#options
    const cluster = this.#env.siblings().find((stage) => stage.externals !== undefined)?.externals
    return cluster?.onChanged((labels, addresses) => {
      const names = labels.flatMap((each) => zones.map((zone) => (each === '' ? zone : below(each, zone))))
      listener([...names, ...addresses.map(reverseName).filter((name) => matchZone(zones, name) !== undefined)])
    }) ?? (() => undefined)
  }

  query(q: Query): Verdict | Promise<Verdict> {
    const { zones, apex } = this.#options
    const name = lowerName(q.question.name)
    const zone = matchZone(zones, name)
    if (zone === undefined) return NEXT
    if (zones.includes(name)) return this.#settle(q, zone, this.#apex.own(q, zone), false)
    if (zones.some((each) => isSubdomain(name, below(apex.toLowerCase(), each)))) return this.#settle(q, zone, this.#apex.below(q, zone), false)
    const found = this.#find(q, name, zone)
    return found instanceof Promise ? found.then((records) => this.#settle(q, zone, records, true)) : this.#settle(q, zone, found, true)
  }

  #find(q: Query, name: Name, zone: Name): Found | Promise<Found> {
    const { name: qname, type } = q.question
    const { ttl, headless } = this.#options
    const address = type === TYPE.PTR ? addressOfReverse(name) : undefined
    if (address !== undefined) return pointerRecords(qname, this.#externals.servicesAt(address), this.#options)
    const labels = splitLabels(name).slice(0, -countLabels(zone) || undefined)
    const externals = this.#externals.find(labels, headless)
    if (externals === undefined) return undefined
    const lookups: Lookups = {
      zone, ttl,
      clusterTtl: this.#externals.ttl,
      outside: async (target, wanted) => (await this.#env.ask(q, { scope: 'server', question: { name: target, type: wanted, class: CLASS.IN } })).message,
    }
    if (isAddress(type)) return addressRecords(qname, type, externals, lookups)
    return type === TYPE.SRV ? serviceRecords(qname, externals, lookups) : NODATA
  }

  #settle(q: Query, zone: Name, found: Found, passes: boolean): Verdict {
    if (found === undefined && passes && fallsThrough(this.#options.fallthrough, q.question.name)) return NEXT
    const reply = q.begin(found === undefined ? RCODE.NXDOMAIN : RCODE.NOERROR)
    reply.aa = true
    reply.answers = [...found?.answers ?? []]
    reply.additionals = [...found?.additionals ?? []]
    reply.tc = found?.tc ?? false
    if (reply.answers.length === 0) reply.authorities = [this.#apex.soa(zone)]
    return DONE
  }
}
