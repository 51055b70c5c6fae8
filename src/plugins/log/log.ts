import type { Env } from '../../core/env.ts'
import { NEXT, type Slot, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { responseClass, responseType } from '../../core/response-type.ts'
import { messageLength } from '../../wire/encode.ts'
import { isSubdomain, lowerName, type Name } from '../../wire/name.ts'
import { formatLine } from './format.ts'
import type { LogRule } from './options.ts'

interface Before {
  readonly name: Name
  readonly rule: LogRule
  readonly size: number
  readonly startMs: number
}

/** One line per query, when it is answered. */
export class QueryLog implements Stage {
  readonly name = 'log'
  readonly #env: Env
  readonly #rules: readonly LogRule[]
  readonly #before: Slot<Before>

  constructor(env: Env, rules: readonly LogRule[]) {
    this.#env = env
    this.#rules = rules
    this.#before = env.slot()
  }

  query(q: Query): Verdict {
    const { name } = q.question
    const rule = this.#rules.find((candidate) => isSubdomain(name, candidate.scope))
    if (rule !== undefined) this.#before.set(q, { name: lowerName(name), rule, size: messageLength(q.request), startMs: this.#env.clock.nowMs() })
    return NEXT
  }

  reply(q: Query): void {
    const before = this.#before.get(q)
    if (before === undefined) return
    const { rule, name, size, startMs } = before
    if (!rule.classes.has('all') && !rule.classes.has(responseClass(responseType(q.reply, this.#env.clock.wallMs())))) return
    this.#env.plainLog.info(formatLine(rule.format, { q, name, size, durationMs: this.#env.clock.nowMs() - startMs }))
  }
}
