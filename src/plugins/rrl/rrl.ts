import { parseIp, unmapIp } from '../../base/ip.ts'
import type { Env } from '../../core/env.ts'
import type { Counter } from '../../core/metrics.ts'
import { NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { PerServer } from '../../core/server-info.ts'
import { matchZone } from '../../core/zones.ts'
import { Accounts } from './accounts.ts'
import { sortOf, type Kind } from './kind.ts'
import type { RrlOptions } from './options.ts'

const WORD = 2 ** 32

/**
 * Limits equal replies to one client over UDP, whose source address anybody can write: what a forger makes a server send to somebody
 * else is not worth the effort. Over TCP clients are who they say they are.
 */
export class Rrl implements Stage {
  readonly name = 'rrl'
  readonly #env: Env
  readonly #options: RrlOptions
  readonly #accounts: Accounts
  readonly #counters: PerServer<Readonly<Record<'dropped' | 'truncated' | 'reported', Counter>>>
  #limited = 0

  constructor(env: Env, options: RrlOptions) {
    this.#env = env
    this.#options = options
    this.#accounts = env.keep(() => new Accounts(options.accounts, options.windowSeconds, () => env.random.int(WORD)))
    const family = env.metrics.counter('coredns_rrl_responses_exceeded_total', 'Counter of UDP replies that were more than their client may have, by what became of them.', ['server', 'view', 'how'])
    const counter = (label: string, how: string) => family.with(label, env.block.view, how)
    this.#counters = new PerServer(({ label }) => ({ dropped: counter(label, 'dropped'), truncated: counter(label, 'truncated'), reported: counter(label, 'reported') }))
  }

  query(): Verdict {
    return NEXT
  }

  reply(q: Query): void {
    if (q.protocol !== 'udp' || q.internal || q.dropped || matchZone(this.#options.zones, q.question.name) === undefined) return
    const { kind, subject } = sortOf(q.reply, this.#env.clock.wallMs())
    const perSecond = this.#options.perSecond[kind]
    if (perSecond === 0 || this.#accounts.charge(this.#key(q, kind, subject), perSecond, this.#env.clock.nowMs()) >= 0) return
    const counters = this.#counters.of(q.server)
    if (this.#options.reportOnly) return counters.reported.add()
    if (!this.#slips()) {
      counters.dropped.add()
      q.dropped = true
      return
    }
    counters.truncated.add()
    q.begin(q.reply.rcode).tc = true
  }

  #slips(): boolean {
    const { slipRatio } = this.#options
    return slipRatio > 0 && ++this.#limited % slipRatio === 0
  }

  #key(q: Query, kind: Kind, subject: string): string {
    const address = unmapIp(parseIp(q.client.address) ?? new Uint8Array(16))
    const bits = address.length === 4 ? this.#options.prefixBits.v4 : this.#options.prefixBits.v6
    return `${prefixText(address, bits)} ${kind} ${subject}`
  }
}

/** The first `bits` of an address, in a form that only equal prefixes share. */
function prefixText(address: Uint8Array, bits: number): string {
  const octets = [...address.subarray(0, Math.ceil(bits / 8))]
  if (bits % 8 !== 0) octets.push(octets.pop()! & (0xff << (8 - (bits % 8))))
  return `${address.length} ${octets.join('.')}`
}
