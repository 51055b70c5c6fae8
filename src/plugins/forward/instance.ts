import { ConfigError } from '../../corefile/error.ts'
import type { Env } from '../../core/env.ts'
import type { Counter } from '../../core/metrics.ts'
import { copyMessage, type Protocol, type Query } from '../../core/query.ts'
import { resolveTarget } from '../../upstream/address.ts'
import { Coalescer, coalescingKey } from '../../upstream/coalesce.ts'
import { endpointLabel } from '../../upstream/endpoint.ts'
import { UpstreamError } from '../../upstream/failure.ts'
import { answersQuestion } from '../../upstream/match.ts'
import { upstreamMetrics } from '../../upstream/metrics.ts'
import { makePolicy, type Policy } from '../../upstream/policy.ts'
import { readTlsFiles } from '../../upstream/tls-settings.ts'
import { Upstream } from '../../upstream/upstream.ts'
import { RCODE } from '../../wire/codes.ts'
import { WireError, type Message } from '../../wire/message.ts'
import { isSubdomain, type Name } from '../../wire/name.ts'
import type { ForwardOptions } from './options.ts'

/** One query takes at most this long, however many attempts it makes. */
const DEADLINE_MS = 5000
const PROBE_TIMEOUT_MS = 1000

/** What asking came to: a reply, or why there is none. */
export type Outcome =
  | { readonly kind: 'reply'; readonly reply: Message }
  /** An upstream answered another question. */
  | { readonly kind: 'wrong' }
  | { readonly kind: 'failed'; readonly rcode: number; readonly error: Error }

/** One `forward FROM TO...`: its upstreams, and the order in which a query tries them (specification 3.26.2, 11.6). */
export class Instance {
  readonly #env: Env
  readonly #options: ForwardOptions
  readonly #hasSuccessor: boolean
  readonly #policy: Policy<Upstream>
  readonly #coalescer = new Coalescer<Outcome>()
  readonly #broken: Counter
  readonly #rejected: Counter
  #upstreams: Upstream[] = []
  #underWay = 0

  /** `hasSuccessor`: another forward follows in the block, which `next` can hand over to. */
  constructor(env: Env, options: ForwardOptions, hasSuccessor: boolean) {
    this.#env = env
    this.#options = options
    this.#hasSuccessor = hasSuccessor
    this.#policy = makePolicy(options.policy, env.random)
    this.#broken = env.metrics.counter('coredns_forward_healthcheck_broken_total', 'Counter of the number of complete failures of the healthchecks.').with()
    this.#rejected = env.metrics.counter('coredns_forward_max_concurrent_rejects_total', 'Counter of the number of queries rejected because the concurrent queries were at maximum.').with()
  }

  async start(): Promise<void> {
    const { options, env } = { options: this.#options, env: this.#env }
    try {
      const endpoints = (await Promise.all(options.targets.map((target) => resolveTarget(target, options.resolvers)))).flat()
      const distinct = [...new Map(endpoints.map((endpoint) => [`${endpoint.transport} ${endpointLabel(endpoint)}`, endpoint])).values()]
      if (distinct.length === 0) throw new Error('no valid upstream addresses found')
      const tls = readTlsFiles(options.tlsFiles, options.tlsServerName)
      const metrics = upstreamMetrics(env.metrics, 'forward')
      this.#upstreams = distinct.map((endpoint) => new Upstream(endpoint, {
        connections: { expireMs: options.expireMs, maxAgeMs: options.maxAgeMs, maxIdle: options.maxIdle, sourceAddress: options.sourceAddress, tls },
        health: { ...options.healthCheck, timeoutMs: PROBE_TIMEOUT_MS, maxFails: options.maxFails, protocol: options.forceTcp ? 'tcp' : 'udp' },
      }, env, metrics))
    } catch (error) {
      throw new ConfigError(options.token, 'forward', error instanceof Error ? error.message : String(error))
    }
  }

  stop(): void {
    for (const upstream of this.#upstreams) upstream.close()
  }

  covers(name: Name): boolean {
    const { from, except } = this.#options
    if (!isSubdomain(name, from)) return false
    return !except.some((zone) => isSubdomain(name, zone) && !(zone === from && isSubdomain(from, name)))
  }

  /** Settles the query, or leaves it to the next instance. */
  async answer(q: Query): Promise<'settled' | 'next'> {
    const protocol = this.#protocol(q)
    const key = coalescingKey(q.request, protocol)
    const { outcome, shared } = await this.#coalescer.run(key, () => this.#walk(copyMessage(q.request), protocol), (result) => result.kind === 'reply')
    if (outcome.kind === 'failed') q.fail(outcome.rcode, outcome.error)
    else if (outcome.kind === 'wrong') q.begin(RCODE.FORMERR)
    else {
      if (this.#hasSuccessor && this.#handsOver(outcome.reply)) return 'next'
      q.adopt(shared ? ownCopy(outcome.reply, q) : outcome.reply)
    }
    return 'settled'
  }

  #protocol(q: Query): Protocol {
    if (this.#options.forceTcp) return 'tcp'
    return this.#options.preferUdp ? 'udp' : q.protocol
  }

  /** As many queries at once as the options allow. */
  async #walk(request: Message, protocol: Protocol): Promise<Outcome> {
    const { maxConcurrent } = this.#options
    if (maxConcurrent > 0 && this.#underWay >= maxConcurrent) {
      this.#rejected.add()
      return { kind: 'failed', rcode: RCODE.REFUSED, error: new Error(`concurrent queries exceeded maximum ${maxConcurrent}`) }
    }
    this.#underWay++
    try {
      return await this.#attempts(request, protocol)
    } finally {
      this.#underWay--
    }
  }

  /** Tries upstreams in the policy's order, round and round, until one answers or the attempts or the time are used up. */
  async #attempts(request: Message, protocol: Protocol): Promise<Outcome> {
    const { maxConnectAttempts, failfast } = this.#options
    const deadline = this.#env.clock.nowMs() + DEADLINE_MS
    const list = this.#policy(this.#upstreams)
    const cap = maxConnectAttempts ?? 2 * list.length
    let attempts = 0
    let downs = 0
    let failovers = 0
    let network = protocol
    let last: Error | undefined
    for (let i = 0; this.#env.clock.nowMs() < deadline; i++) {
      if (i % list.length === 0) downs = 0
      let upstream = list[i % list.length]!
      if (upstream.health.down) {
        downs++
        if (downs < list.length) continue
        this.#broken.add()
        if (failfast) break
        upstream = list[this.#env.random.int(list.length)]!
      }
      const outcome = await this.#once(upstream, request, network, deadline)
      if (outcome instanceof Error) {
        if (outcome instanceof WireError) return { kind: 'failed', rcode: RCODE.FORMERR, error: outcome }
        last = outcome
        if (outcome instanceof UpstreamError && outcome.spoofed) network = 'tcp'
        upstream.health.check()
        if (cap > 0 && ++attempts >= cap) break
        if (downs >= list.length) break
        continue
      }
      if (!answersQuestion(request, outcome)) return { kind: 'wrong' }
      if (this.#options.failover.has(outcome.rcode) && ++failovers < list.length) continue
      return { kind: 'reply', reply: outcome }
    }
    return { kind: 'failed', rcode: RCODE.SERVFAIL, error: last ?? new Error('no healthy proxies') }
  }

  async #once(upstream: Upstream, request: Message, protocol: Protocol, deadline: number): Promise<Message | Error> {
    const timeoutMs = Math.max(1, Math.min(this.#options.readTimeoutMs, deadline - this.#env.clock.nowMs()))
    try {
      const reply = await upstream.exchange(request, protocol, timeoutMs)
      if (!reply.tc || !this.#options.preferUdp || protocol === 'tcp') return reply
      return await upstream.exchange(request, 'tcp', timeoutMs)
    } catch (error) {
      if (error instanceof UpstreamError || error instanceof WireError) return error
      throw error
    }
  }

  #handsOver(reply: Message): boolean {
    const { next, nextOnNodata } = this.#options
    return next.has(reply.rcode) || (nextOnNodata && reply.rcode === RCODE.NOERROR && reply.answers.length === 0)
  }
}

/** Queries that differ in letter case only share an answer, but each gets its own question back (draft-vixie-dnsext-dns0x20). */
function ownCopy(reply: Message, q: Query): Message {
  const copy = copyMessage(reply)
  copy.questions = [q.question]
  return copy
}
