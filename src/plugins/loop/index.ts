import type { Timer } from '../../base/clock.ts'
import { onlyLine, refuseArguments } from '../../corefile/options.ts'
import type { Env } from '../../core/env.ts'
import { DONE, NEXT, type Plugin, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { IN_FULL, type QuickStage } from '../../core/quick.ts'
import type { UpstreamMetricsOf } from '../../upstream/metrics.ts'
import { Upstream } from '../../upstream/upstream.ts'
import { CLASS, RCODE, typeName, TYPE } from '../../wire/codes.ts'
import { Message } from '../../wire/message.ts'
import { equalNames, isSubdomain, type Name } from '../../wire/name.ts'

/** Sightings of our own probe beyond which it is a loop: the first is the probe itself. */
const SIGHTINGS = 2
const RETRY_MS = 1000
const GIVE_UP_MS = 30_000
const PROBE_TIMEOUT_MS = 2000
/** How often a loop is looked for again after it was found. */
const RECHECK_MS = 10_000

/** The probe is no traffic: CoreDNS has no series for it. */
const UNCOUNTED: UpstreamMetricsOf = () => ({ exchanged: () => undefined, healthFailed: () => undefined })

export const loopPlugin: Plugin = {
  name: 'loop',
  parse(directive, context) {
    refuseArguments(onlyLine(directive.lines, 'loop'), 'loop')
    const zone = context.zones[0] ?? '.'
    return { build: (env) => new Loop(env, zone) }
  },
}

/**
 * Sends itself a question with a random name when it starts to serve; if that comes back through the upstreams, they lead to
 * ourselves. In a program that has just started this ends it, as CoreDNS ends. After a reload it does not: what serves goes on
 * serving from its cache, the block is not ready, and what would go round gets SERVFAIL until a later probe comes through.
 */
class Loop implements Stage {
  readonly name = 'loop'
  /** What may be a probe, and everything while there is a loop, takes the ordinary way. */
  readonly quick: QuickStage = { query: ({ type }) => (this.#looping || type === TYPE.HINFO ? IN_FULL : NEXT) }
  readonly #env: Env
  readonly #zone: Name
  readonly #probeName: Name
  /** `served`: this process has served a configuration before. */
  readonly #process: { served: boolean }
  readonly #afterReload: boolean
  #seen = 0
  #watching = true
  #looping = false
  #timer: Timer | undefined
  #self: Upstream | undefined

  constructor(env: Env, zone: Name) {
    this.#env = env
    this.#zone = zone
    this.#process = env.shared('loop', () => ({ served: false }))
    this.#afterReload = this.#process.served
    const random = () => String(env.random.int(2 ** 47)) + String(env.random.int(2 ** 31))
    this.#probeName = zone === '.' ? `${random()}.${random()}.` : `${random()}.${random()}.${zone}`
  }

  query(q: Query): Verdict {
    if (this.#watching && this.#isProbe(q) && ++this.#seen > SIGHTINGS) return this.#found(q)
    if (!this.#looping || this.#isProbe(q)) return NEXT
    return settle(q, new Error('the upstreams lead back to this server'))
  }

  ready(): boolean {
    return !this.#looping
  }

  serving(): void {
    this.#process.served = true
    const place = this.#env.block.listening()[0]
    if (place === undefined) return
    const address = place.address === '0.0.0.0' || place.address === '::' ? '127.0.0.1' : place.address
    this.#self = new Upstream({ address, port: place.port, transport: 'dns' }, {
      connections: { expireMs: GIVE_UP_MS, maxAgeMs: 0, maxQueries: 0, maxIdle: 0, sourceAddress: undefined, tls: undefined },
      health: { intervalMs: RETRY_MS, timeoutMs: PROBE_TIMEOUT_MS, maxFails: 0, recursionDesired: true, domain: '.', protocol: 'udp' },
      cookies: false,
    }, this.#env, UNCOUNTED)
    void this.#probe(this.#env.clock.nowMs() + GIVE_UP_MS)
  }

  async stop(): Promise<void> {
    this.#watching = false
    this.#timer?.cancel()
    this.#self?.close()
    return Promise.resolve()
  }

  #isProbe(q: Query): boolean {
    const { name, type } = q.question
    return type === TYPE.HINFO && isSubdomain(name, this.#zone) && equalNames(name, this.#probeName)
  }

  /** Asks until an answer comes, whatever it is; then the probe has gone round as often as it will. */
  async #probe(giveUpMs: number): Promise<void> {
    const request = new Message()
    request.rd = true
    request.questions = [{ name: this.#probeName, type: TYPE.HINFO, class: CLASS.IN }]
    this.#seen = 0
    try {
      await this.#self!.exchange(request, 'udp', PROBE_TIMEOUT_MS)
      this.#answered()
    } catch {
      // No answer yet: upstreams may still be starting. Each try counts anew.
      if (!this.#watching) return
      if (this.#env.clock.nowMs() >= giveUpMs && !this.#looping) this.#watching = false
      else this.#again(RETRY_MS, giveUpMs)
    }
  }

  #answered(): void {
    if (!this.#watching) return
    if (this.#seen > SIGHTINGS) return this.#again(RECHECK_MS, 0)
    if (this.#looping) this.#env.log.info(`zone "${this.#zone}": the loop is gone`)
    this.#looping = false
    this.#watching = false
  }

  #again(ms: number, giveUpMs: number): void {
    this.#timer = this.#env.clock.after(ms, () => void this.#probe(giveUpMs))
  }

  #found(q: Query): Verdict {
    const { client } = q
    const from = client.address.includes(':') ? `[${client.address}]:${client.port}` : `${client.address}:${client.port}`
    const text = `Loop (${from} -> ${q.server.label.replace('dns://', '')}) detected for zone "${this.#zone}", `
      + `see https://coredns.io/plugins/loop#troubleshooting. Query: "${typeName(TYPE.HINFO)} ${this.#probeName}"`
    if (!this.#afterReload) {
      this.#watching = false
      this.#env.fatal(text)
      return NEXT
    }
    if (!this.#looping) this.#env.log.error(`${text}. Answering from the cache only, and not ready, until it is gone`)
    this.#looping = true
    return settle(q, undefined)
  }
}

function settle(q: Query, error: Error | undefined): Verdict {
  q.fail(RCODE.SERVFAIL, error)
  return DONE
}
