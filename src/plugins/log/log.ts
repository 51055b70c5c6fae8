import type { Env } from '../../core/env.ts'
import { isCut } from '../../core/mirror-opt.ts'
import { NEXT, type Slot, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import type { QuickStage } from '../../core/quick.ts'
import { responseClass, responseType, type ResponseType } from '../../core/response-type.ts'
import { messageLength } from '../../wire/encode.ts'
import { isSubdomain, lowerName, type Name } from '../../wire/name.ts'
import { formatLine, type Logged } from './format.ts'
import { jsonLine } from './json.ts'
import type { LogRule } from './options.ts'
import { Throttle } from './throttle.ts'

interface Before {
  readonly name: Name
  readonly rule: Rule
  readonly startMs: number
}

interface Rule extends LogRule {
  readonly throttle: Throttle
}

/** One line per query that a rule picks, when it is answered. */
export class QueryLog implements Stage {
  readonly name = 'log'
  readonly quick?: QuickStage
  readonly #env: Env
  readonly #rules: readonly Rule[]
  readonly #before: Slot<Before>

  constructor(env: Env, rules: readonly LogRule[]) {
    this.#env = env
    this.#rules = rules.map((rule) => ({ ...rule, throttle: new Throttle(rule.sample, rule.limit, env.clock, (left) => env.log.warning(`${left} lines left out (limit ${rule.limit!.lines})`)) }))
    this.#before = env.slot()
    // What is answered at once is not slow, so that it may pass by a log of slow queries alone.
    if (rules.every((rule) => rule.classes.size === 0 && !rule.errors)) this.quick = { byWorkers: {}, onlyNow: true }
  }

  query(q: Query): Verdict {
    const { name } = q.question
    const rule = this.#rules.find((candidate) => isSubdomain(name, candidate.scope))
    if (rule !== undefined) this.#before.set(q, { name: lowerName(name), rule, startMs: this.#env.clock.nowMs() })
    return NEXT
  }

  reply(q: Query): void {
    const before = this.#before.get(q)
    if (before === undefined) return
    const { rule, name, startMs } = before
    const logged: Logged = { q, name, size: this.#requestSize(q), cut: isCut(q, this.#env.echoed), durationMs: this.#env.clock.nowMs() - startMs }
    q.metadata?.set('log/type', () => this.#typeOf(q))
    q.metadata?.set('log/class', () => responseClass(this.#typeOf(q)))
    if (!this.#picks(rule, logged) || !rule.throttle.take()) return
    if (rule.format === 'json') this.#env.plainLog.line(jsonLine(logged, this.#env.clock.wallMs()))
    else this.#env.plainLog.info(formatLine(rule.format, logged))
  }

  #picks({ classes, slowMs, errors }: Rule, { q, durationMs }: Logged): boolean {
    if (classes.has('all') || (slowMs !== undefined && durationMs >= slowMs)) return true
    if (errors && q.error !== undefined) return true
    if (classes.size === 0 && !errors) return false
    const kind = responseClass(this.#typeOf(q))
    return classes.has(kind) || (errors && kind === 'error')
  }

  /** Silence is an error too. */
  #typeOf(q: Query): ResponseType {
    return q.dropped ? 'OTHERERROR' : responseType(q.reply, this.#env.clock.wallMs())
  }

  /** As CoreDNS counts it when the reply is out: rewritten, and without the options that a reply made of the client's OPT leaves out. */
  #requestSize(q: Query): number {
    const size = messageLength(q.request)
    if (!q.written || q.reply.edns !== undefined) return size
    return (q.request.edns?.options ?? []).reduce((sum, option) => (this.#env.echoed.has(option.code) ? sum : sum - 4 - option.data.length), size)
  }
}
