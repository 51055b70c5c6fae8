import { ConfigError } from '../../corefile/error.ts'
import type { Env } from '../../core/env.ts'
import type { Counter, Metrics } from '../../core/metrics.ts'
import type { UpstreamsState } from '../../core/stage-state.ts'
import { copyMessage, type Protocol, type Query } from '../../core/query.ts'
import { Coalescer, coalescingKey, type Wanting } from '../../upstream/coalesce.ts'
import { Errands, type Outcome, type Wanted } from '../../upstream/errand.ts'
import { extendedErrorOf } from '../../upstream/failure.ts'
import { upstreamMetrics } from '../../upstream/metrics.ts'
import { makePolicy, type Policy } from '../../upstream/policy.ts'
import { withoutCookie } from '../../upstream/reply.ts'
import { makeRequest, type Request } from '../../upstream/request.ts'
import { Roster } from '../../upstream/roster.ts'
import { orderOf } from '../../upstream/tiers.ts'
import { readTlsFiles } from '../../upstream/tls-settings.ts'
import { Upstream } from '../../upstream/upstream.ts'
import { RCODE } from '../../wire/codes.ts'
import { WireError, type Message } from '../../wire/message.ts'
import { isSubdomain, type Name } from '../../wire/name.ts'
import type { ForwardOptions } from './options.ts'

const PROBE_TIMEOUT_MS = 1000

/** One `forward FROM TO...`: its upstreams, and what is asked of them. */
export class Instance {
  readonly #env: Env
  readonly #options: ForwardOptions
  readonly #hasSuccessor: boolean
  readonly #policy: Policy<Upstream>
  readonly #coalescer = new Coalescer<Outcome>()
  readonly #errands: Errands
  readonly #rejected: Counter
  #roster: Roster | undefined
  #underWay = 0

  /** `hasSuccessor`: another forward follows in the block, which `next` can hand over to. */
  constructor(env: Env, options: ForwardOptions, hasSuccessor: boolean) {
    this.#env = env
    this.#options = options
    this.#hasSuccessor = hasSuccessor
    this.#policy = makePolicy(options.policy, env.random, (upstream) => upstream.cost(env.clock.nowMs()))
    const { metrics } = env
    const { broken, rejected } = forwardSeries(metrics)
    const hedged = metrics.counter('hearth_forward_hedges_total', 'Questions that were asked of a second upstream, or over a second connection, because the first was silent.').with()
    this.#rejected = rejected
    this.#errands = new Errands({
      readTimeoutMs: options.readTimeoutMs,
      hedgeMs: options.hedgeMs,
      maxAttempts: options.maxConnectAttempts,
      failover: options.failover,
      failfast: options.failfast,
      retryTruncated: options.preferUdp,
      randomCase: options.randomCase,
      cookies: options.cookies,
    }, env, { allDown: () => broken.add(), hedged: () => hedged.add() })
  }

  async start(): Promise<void> {
    const { options, env } = { options: this.#options, env: this.#env }
    try {
      const tls = readTlsFiles(options.tlsFiles.map((path) => env.files.resolve(path)), options.tlsServerName, !options.tlsOpportunistic)
      const metrics = upstreamMetrics(env.metrics, 'forward')
      const settings = {
        connections: { expireMs: options.expireMs, maxAgeMs: options.maxAgeMs, maxQueries: options.maxQueries, maxIdle: options.maxIdle, sourceAddress: options.sourceAddress, tls },
        health: { ...options.healthCheck, timeoutMs: PROBE_TIMEOUT_MS, maxFails: options.maxFails, protocol: options.forceTcp ? 'tcp' as const : 'udp' as const },
        cookies: options.cookies,
      }
      this.#roster = new Roster({ targets: options.targets, names: options.endpoints, resolvers: options.resolvers, protocol: options.forceTcp ? 'tcp' : 'udp' }, {
        clock: env.clock, random: env.random, log: env.log, files: env.files,
        own: () => env.block.listening(),
        makeUpstream: (endpoint) => new Upstream(endpoint, settings, env, metrics),
      })
      await this.#roster.start()
    } catch (error) {
      throw new ConfigError(options.token, 'forward', error instanceof Error ? error.message : String(error))
    }
  }

  state(): UpstreamsState {
    return {
      kind: 'upstreams', from: this.#options.from, policy: this.#options.policy,
      upstreams: (this.#roster?.tiers ?? []).flat().map((upstream) => ({ to: upstream.label, down: upstream.health.down, ...upstream.record })),
    }
  }

  stop(): void {
    this.#roster?.stop()
    this.#errands.stop()
  }

  /**
   * What goes out and what comes back is as the client and the upstream have it, so that octets can be passed on. Exceptions that are
   * not below the zone have a meaning of their own.
   */
  get passesOctets(): boolean {
    const { from, except, randomCase, cookies } = this.#options
    return !randomCase && !cookies && except.every((zone) => zone !== from && isSubdomain(zone, from))
  }

  get zones(): { readonly from: Name; readonly except: readonly Name[] } {
    return this.#options
  }

  covers(name: Name): boolean {
    const { from, except } = this.#options
    if (!isSubdomain(name, from)) return false
    return !except.some((zone) => isSubdomain(name, zone) && !(zone === from && isSubdomain(from, name)))
  }

  /** Settles the query, or leaves it to the next instance. */
  answer(q: Query): Promise<'settled' | 'next'> {
    const request = this.#requestOf(q.request)
    if (request instanceof WireError) return Promise.resolve(this.settle(q, { kind: 'failed', rcode: RCODE.FORMERR, error: request, attempts: [] }, false))
    const wanted: Wanted = { request, protocol: this.protocol(q.protocol), asked: { question: q.question, edns: q.request.edns !== undefined } }
    return new Promise((resolve) => {
      this.ask(wanted, {
        ask: (done) => this.walk(wanted, q.cancelAtMs, done),
        good: isReply,
        done: (outcome, shared) => resolve(this.settle(q, outcome, shared)),
      })
    })
  }

  /** Asks, together with whoever asks the same at the time. */
  ask({ request, protocol }: Wanted, wanting: Wanting<Outcome>): void {
    this.#coalescer.run(coalescingKey(request, protocol === 'tcp'), wanting)
  }

  /** Makes what asking came to the query's reply, or leaves the query to the next instance. */
  settle(q: Query, outcome: Outcome, shared: boolean): 'settled' | 'next' {
    q.attempts = q.attempts === undefined ? outcome.attempts : [...q.attempts, ...outcome.attempts]
    const last = outcome.attempts.at(-1)
    if (last !== undefined) q.metadata?.set('forward/upstream', () => last.to)
    if (q.trace !== undefined) for (const attempt of outcome.attempts) q.trace.attempt(attempt)
    if (outcome.kind === 'failed') q.fail(outcome.rcode, outcome.error, outcome.rcode === RCODE.SERVFAIL ? extendedErrorOf(outcome.error) : undefined)
    else if (outcome.kind === 'wrong') q.begin(RCODE.FORMERR)
    else {
      const { message } = outcome.reply
      if (this.handsOver(message.rcode, message.answers.length)) return 'next'
      q.adopt(shared ? ownCopy(message, q) : message)
    }
    return 'settled'
  }

  /** How a client's question goes on. */
  protocol(client: Protocol): Protocol {
    if (this.#options.forceTcp) return 'tcp'
    return this.#options.preferUdp ? 'udp' : client
  }

  #requestOf(message: Message): Request | WireError {
    try {
      return makeRequest(this.#options.cookies ? withoutCookie(message) : message)
    } catch (error) {
      if (error instanceof WireError) return error
      throw error
    }
  }

  /** As many queries at once as the options allow. */
  walk(wanted: Wanted, cancelAtMs: number, done: (outcome: Outcome) => void): void {
    const { maxConcurrent } = this.#options
    if (maxConcurrent > 0 && this.#underWay >= maxConcurrent) {
      this.#rejected.add()
      return done({ kind: 'failed', rcode: RCODE.REFUSED, error: new Error(`concurrent queries exceeded maximum ${maxConcurrent}`), attempts: [] })
    }
    this.#underWay++
    this.#errands.run(wanted, orderOf(this.#roster!.tiers, this.#policy), cancelAtMs, (outcome) => {
      this.#underWay--
      done(outcome)
    })
  }

  /** The next instance shall have a try. */
  handsOver(rcode: number, answers: number): boolean {
    const { next, nextOnNodata } = this.#options
    return this.#hasSuccessor && (next.has(rcode) || (nextOnNodata && rcode === RCODE.NOERROR && answers === 0))
  }
}

/** An upstream has answered, whatever it says. */
export function isReply(outcome: Outcome): boolean {
  return outcome.kind === 'reply'
}

/** Queries that differ in letter case only share an answer, but each gets its own question back (draft-vixie-dnsext-dns0x20). */
function ownCopy(reply: Message, q: Query): Message {
  const copy = copyMessage(reply)
  copy.questions = [q.question]
  return copy
}

export function forwardSeries(metrics: Metrics): { broken: Counter; rejected: Counter } {
  return {
    broken: metrics.counter('coredns_forward_healthcheck_broken_total', 'Counter of the number of complete failures of the healthchecks.').with(),
    rejected: metrics.counter('coredns_forward_max_concurrent_rejects_total', 'Counter of the number of queries rejected because the concurrent queries were at maximum.').with(),
  }
}
