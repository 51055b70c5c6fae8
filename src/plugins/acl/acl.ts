import { parseIp, prefixContains } from '../../base/ip.ts'
import type { Env } from '../../core/env.ts'
import type { Counter } from '../../core/metrics.ts'
import { DONE, DROP, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { PerServer } from '../../core/server-info.ts'
import { matchZone } from '../../core/zones.ts'
import { RCODE } from '../../wire/codes.ts'
import { EDE, extendedErrorOption } from '../../wire/edns.ts'
import type { Name } from '../../wire/name.ts'
import type { AclRule, Action, Policy } from './options.ts'

type Refusal = Exclude<Action, 'allow'>

/** What a client learns of a refusal; a drop says nothing. */
const REPLIES: Readonly<Record<Exclude<Refusal, 'drop'>, { readonly rcode: number; readonly error: number }>> = {
  block: { rcode: RCODE.REFUSED, error: EDE.BLOCKED },
  filter: { rcode: RCODE.NOERROR, error: EDE.FILTERED },
}

/** Decides by the client's address and the type of the question whether to answer (specification 3.9). */
export class Acl implements Stage {
  readonly name = 'acl'
  readonly #env: Env
  readonly #rules: readonly AclRule[]
  readonly #allowed: PerServer<Counter>
  readonly #refused: Readonly<Record<Refusal, (q: Query, zone: Name) => void>>

  constructor(env: Env, rules: readonly AclRule[]) {
    this.#env = env
    this.#rules = rules
    const { metrics, block: { view } } = env
    const allowed = metrics.counter('coredns_acl_allowed_requests_total', 'Counter of DNS requests being allowed.', ['server', 'view'])
    this.#allowed = new PerServer((server) => allowed.with(server.label, view))
    const refused = (done: string) => {
      const family = metrics.counter(`coredns_acl_${done}_requests_total`, `Counter of DNS requests being ${done}.`, ['server', 'zone', 'view'])
      return (q: Query, zone: Name) => family.with(q.server.label, zone, view).add()
    }
    this.#refused = { block: refused('blocked'), filter: refused('filtered'), drop: refused('dropped') }
  }

  query(q: Query): Verdict {
    for (const rule of this.#rules) {
      const zone = matchZone(rule.zones, q.question.name)
      if (zone === undefined) continue
      const action = this.#decide(rule.policies, q)
      if (action === 'allow') break
      if (action !== undefined) return this.#refuse(q, action, zone)
    }
    this.#allowed.of(q.server).add()
    return NEXT
  }

  /** Undefined when no policy says anything of the query. */
  #decide(policies: readonly Policy[], q: Query): Action | undefined {
    const source = parseIp(q.client.address)
    if (source === undefined) {
      this.#env.log.error(`Blocking request. Unable to parse source address: ${q.client.address}`)
      return 'block'
    }
    const { type } = q.question
    return policies.find(({ types, sources }) =>
      (types?.has(type) ?? true) && (sources?.some((prefix) => prefixContains(prefix, source)) ?? true))?.action
  }

  #refuse(q: Query, action: Refusal, zone: Name): Verdict {
    this.#refused[action](q, zone)
    if (action === 'drop') return DROP
    const { rcode, error } = REPLIES[action]
    // CoreDNS sends the OPT to clients without EDNS too.
    q.begin(rcode).edns = { udpSize: 4096, version: 0, do: true, z: 0, options: [extendedErrorOption(error)] }
    return DONE
  }
}
