import type { Timer } from '../../base/clock.ts'
import { onlyLine, refuseArguments } from '../../corefile/options.ts'
import type { Env } from '../../core/env.ts'
import { NEXT, type Plugin, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { upstreamMetrics } from '../../upstream/metrics.ts'
import { Upstream } from '../../upstream/upstream.ts'
import { CLASS, typeName, TYPE } from '../../wire/codes.ts'
import { Message } from '../../wire/message.ts'
import { equalNames, isSubdomain, type Name } from '../../wire/name.ts'

/** Sightings of our own probe beyond which it is a loop: the first is the probe itself. */
const SIGHTINGS = 2
const RETRY_MS = 1000
const GIVE_UP_MS = 30_000
const PROBE_TIMEOUT_MS = 2000

export const loopPlugin: Plugin = {
  name: 'loop',
  parse(directive, context) {
    refuseArguments(onlyLine(directive.lines, 'loop'), 'loop')
    const zone = context.zones[0] ?? '.'
    return { build: (env) => new Loop(env, zone) }
  },
}

/** Sends itself a question with a random name at the start; if it comes back through the upstreams, they lead to ourselves. */
class Loop implements Stage {
  readonly name = 'loop'
  readonly #env: Env
  readonly #zone: Name
  readonly #probeName: Name
  #seen = 0
  #watching = true
  #timer: Timer | undefined
  #self: Upstream | undefined

  constructor(env: Env, zone: Name) {
    this.#env = env
    this.#zone = zone
    const random = () => String(env.random.int(2 ** 47)) + String(env.random.int(2 ** 31))
    this.#probeName = zone === '.' ? `${random()}.${random()}.` : `${random()}.${random()}.${zone}`
  }

  query(q: Query): Verdict {
    const { name, type } = q.question
    if (!this.#watching || type !== TYPE.HINFO || !isSubdomain(name, this.#zone) || !equalNames(name, this.#probeName)) return NEXT
    if (++this.#seen > SIGHTINGS) this.#found(q)
    return NEXT
  }

  serving(): void {
    const place = this.#env.block.listening()[0]
    if (place === undefined) return
    const address = place.address === '0.0.0.0' ? '127.0.0.1' : place.address === '::' ? '::1' : place.address
    this.#self = new Upstream({ address, port: place.port, transport: 'dns' }, {
      connections: { expireMs: GIVE_UP_MS, maxAgeMs: 0, maxIdle: 0, sourceAddress: undefined, tls: undefined },
      health: { intervalMs: RETRY_MS, timeoutMs: PROBE_TIMEOUT_MS, maxFails: 0, recursionDesired: true, domain: '.', protocol: 'udp' },
    }, this.#env, upstreamMetrics(this.#env.metrics, 'loop'))
    void this.#probe(this.#env.clock.nowMs() + GIVE_UP_MS)
  }

  async stop(): Promise<void> {
    this.#watching = false
    this.#timer?.cancel()
    this.#self?.close()
    return Promise.resolve()
  }

  /** Asks until an answer comes, whatever it is; then the probe has gone round as often as it will. */
  async #probe(giveUpMs: number): Promise<void> {
    const request = new Message()
    request.rd = true
    request.questions = [{ name: this.#probeName, type: TYPE.HINFO, class: CLASS.IN }]
    try {
      await this.#self!.exchange(request, 'udp', PROBE_TIMEOUT_MS)
      this.#watching = false
    } catch {
      // No answer yet: upstreams may still be starting. Each try counts anew.
      this.#seen = 0
      if (!this.#watching) return
      if (this.#env.clock.nowMs() >= giveUpMs) this.#watching = false
      else this.#timer = this.#env.clock.after(RETRY_MS, () => void this.#probe(giveUpMs))
    }
  }

  #found(q: Query): void {
    this.#watching = false
    const { client } = q
    const from = client.address.includes(':') ? `[${client.address}]:${client.port}` : `${client.address}:${client.port}`
    this.#env.fatal(`Loop (${from} -> ${q.server.label.replace('dns://', '')}) detected for zone "${this.#zone}", `
      + `see https://coredns.io/plugins/loop#troubleshooting. Query: "${typeName(TYPE.HINFO)} ${this.#probeName}"`)
  }
}
