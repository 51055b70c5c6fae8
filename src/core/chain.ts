import { RCODE } from '../wire/codes.ts'
import { DONE, DROP, NEXT, type Stage, type Verdict } from './plugin.ts'
import type { Query } from './query.ts'
import { IN_FULL, LATER, type Brought, type QuickOutcome, type Waiting } from './quick.ts'
import type { QuickQuestion } from './quick-question.ts'
import type { QuickReply } from './quick-reply.ts'

/** What a chain does with a bug in one of its stages. */
export interface Faults {
  /** Called once per throw, before the client gets SERVFAIL. */
  caught(q: Query, stage: Stage, error: unknown): void
}

/**
 * The stages of a block, in order of execution: down until one settles the reply, then up through those above it.
 * Runs to the end at once unless a stage waits, so that the common query makes no promise.
 */
export class Chain {
  readonly stages: readonly Stage[]
  readonly #faults: Faults

  constructor(stages: readonly Stage[], faults: Faults) {
    this.stages = stages
    this.#faults = faults
  }

  /**
   * The quick way (see `QuickStage`). IN_FULL: nothing has happened, the query needs `run`. DONE: the reply wants `finish`. LATER: nothing
   * has happened, and the query waits with `begin` for the stage at `reply.answeredAt`.
   */
  quick(question: QuickQuestion, reply: QuickReply): QuickOutcome {
    const { stages } = this
    for (let i = 0; i < stages.length; i++) {
      const { quick } = stages[i]!
      if (quick === undefined) return IN_FULL
      const verdict = quick.query?.(question, reply) ?? NEXT
      if (verdict === NEXT) continue
      reply.answeredAt = i
      if (verdict === LATER) return this.#mayWait(i) ? LATER : IN_FULL
      if (verdict !== DONE || !reply.fits(question)) return IN_FULL
      this.#quickUp(question, reply, i)
      return DONE
    }
    return IN_FULL
  }

  /** Asks for a question that the stage at `at` answers later. */
  begin(question: QuickQuestion, at: number, waiting: Waiting): void {
    this.stages[at]!.quick!.begin!(question, waiting)
  }

  /** The quick way for the second time, with what the stage at `at` has found out. False: nothing has happened, the query needs `run`. */
  resume(question: QuickQuestion, reply: QuickReply, at: number, brought: Brought): boolean {
    for (let i = 0; i < at; i++) if ((this.stages[i]!.quick!.query?.(question, reply) ?? NEXT) !== NEXT) return false
    if (!brought.write(question, reply) || !reply.fits(question)) return false
    this.#quickUp(question, reply, at)
    return true
  }

  #quickUp(question: QuickQuestion, reply: QuickReply, from: number): void {
    reply.answeredBy = this.stages[from]!.name
    reply.answeredAt = from
    for (let up = from; up >= 0; up--) this.stages[up]!.quick!.reply?.(question, reply)
  }

  #mayWait(at: number): boolean {
    for (let i = 0; i < at; i++) if (this.stages[i]!.quick!.onlyNow === true) return false
    return true
  }

  /** Runs stages `from` and below, and the way up as far as `from`. */
  run(q: Query, from = 0): void | Promise<void> {
    const { trace } = q
    if (trace !== undefined) return new Chain(this.stages.map((stage) => trace.watch(stage)), this.#faults).#down(q, from, from)
    return this.#down(q, from, from)
  }

  #down(q: Query, at: number, from: number): void | Promise<void> {
    for (let i = at; i < this.stages.length; i++) {
      const stage = this.stages[i]!
      if (stage.query === undefined) continue
      let verdict: Verdict | Promise<Verdict>
      try {
        verdict = stage.query(q)
      } catch (error) {
        this.#fault(q, stage, error)
        return this.#up(q, i - 1, from)
      }
      if (typeof verdict !== 'number') return this.#wait(q, i, from, verdict)
      if (verdict === NEXT) continue
      settle(q, stage, verdict)
      return this.#up(q, i - 1, from)
    }
    const last = this.stages.at(-1)
    q.fail(RCODE.SERVFAIL, new Error(`plugin/${last?.name ?? 'server'}: no next plugin found`))
    return this.#up(q, this.stages.length - 1, from)
  }

  async #wait(q: Query, i: number, from: number, waiting: Promise<Verdict>): Promise<void> {
    const stage = this.stages[i]!
    let verdict: Verdict
    try {
      verdict = await waiting
    } catch (error) {
      this.#fault(q, stage, error)
      return this.#up(q, i - 1, from)
    }
    if (verdict === NEXT) return this.#down(q, i + 1, from)
    settle(q, stage, verdict)
    return this.#up(q, i - 1, from)
  }

  #up(q: Query, last: number, from: number): void {
    for (let i = last; i >= from; i--) {
      const stage = this.stages[i]!
      if (stage.reply === undefined) continue
      try {
        stage.reply(q)
      } catch (error) {
        this.#fault(q, stage, error)
      }
    }
  }

  #fault(q: Query, stage: Stage, error: unknown): void {
    this.#faults.caught(q, stage, error)
    const cause = error instanceof Error ? error : new Error(String(error))
    q.fail(RCODE.SERVFAIL, new Error(`plugin/${stage.name}: ${cause.message}`, { cause }))
  }
}

function settle(q: Query, stage: Stage, verdict: typeof DONE | typeof DROP): void {
  if (q.answeredBy === '') q.answeredBy = stage.name
  if (verdict === DROP) q.dropped = true
}
