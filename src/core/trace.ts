import { className, rcodeName, typeName } from '../wire/codes.ts'
import type { Message, Question } from '../wire/message.ts'
import { NEXT, DROP, type Stage, type Verdict } from './plugin.ts'
import type { Query } from './query.ts'

/** What a stage knows about a query, in words: `Stage.explain` gives it, `explain` prints it. */
export type Facts = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** One question to an upstream. */
export interface Attempt {
  /** `10.0.0.1:53`. */
  readonly to: string
  readonly protocol: string
  readonly tookMs: number
  /** The rcode's name, or why there is no reply. */
  readonly outcome: string
}

/** What one stage did to one query. */
export interface TraceStep {
  readonly stage: string
  /** What it said on the way down; `waits` while it has not said it. */
  verdict: 'next' | 'done' | 'drop' | 'failed' | 'waits' | 'up only'
  facts: Facts
  /** What it changed on the way down, as `WHAT: BEFORE → AFTER`. */
  readonly changed: string[]
  /** What it changed on the way up. */
  readonly changedReply: string[]
  /** What it knows differently after the way up: that the cache has the answer now. */
  readonly learned: string[]
  readonly attempts: Attempt[]
  /** Questions that it asked itself, of the stages below or of the whole server. */
  readonly asked: TraceLog[]
  /** Both ways, what it waited for included. */
  tookMs: number
}

/** The way of one question through one chain. */
export interface TraceLog {
  readonly question: string
  /** Keys of the block that took it; empty for none, and for questions to the stages below. */
  block: string
  readonly steps: TraceStep[]
}

/** Watches one query on its way; see `Chain.run`. Costs nothing to queries without one. */
export class Trace {
  readonly log: TraceLog
  /** When a stage's way down began, on the trace's clock. */
  readonly startedMs = new WeakMap<TraceStep, number>()
  readonly #nowMs: () => number
  #current: TraceStep | undefined

  constructor(question: Question, nowMs: () => number) {
    this.log = { question: questionText(question), block: '', steps: [] }
    this.#nowMs = nowMs
  }

  /** The block that the question goes to. */
  enter(keys: readonly { readonly text: string }[]): void {
    this.log.block = keys.map((key) => key.text).join(' ')
  }

  /** For a question that the stage at work asks. */
  child(question: Question): Trace {
    const child = new Trace(question, this.#nowMs)
    this.#current?.asked.push(child.log)
    return child
  }

  attempt(attempt: Attempt): void {
    this.#current?.attempts.push(attempt)
  }

  /** The stage, noting what it does. */
  watch(stage: Stage): Stage {
    const { name } = stage
    const step: TraceStep = { stage: name, verdict: 'waits', facts: {}, changed: [], changedReply: [], learned: [], attempts: [], asked: [], tookMs: 0 }
    const watched: { -readonly [K in keyof Stage]: Stage[K] } = { name }
    if (stage.query !== undefined) watched.query = (q) => this.#down(stage, step, q)
    if (stage.reply !== undefined) watched.reply = (q) => this.#up(stage, step, q)
    return watched
  }

  #down(stage: Stage, step: TraceStep, q: Query): Verdict | Promise<Verdict> {
    this.log.steps.push(step)
    this.#current = step
    const before = requestFacts(q)
    step.facts = stage.explain?.(q) ?? {}
    const startMs = this.#nowMs()
    this.startedMs.set(step, startMs)
    const settled = (verdict: Verdict) => {
      step.verdict = verdict === NEXT ? 'next' : verdict === DROP ? 'drop' : 'done'
      step.tookMs += this.#nowMs() - startMs
      step.changed.push(...differences(before, requestFacts(q)))
      if (verdict !== NEXT) step.changedReply.push(...differences({}, replyFacts(q)))
      return verdict
    }
    const failed = (error: unknown): never => {
      step.verdict = 'failed'
      step.tookMs += this.#nowMs() - startMs
      throw error
    }
    try {
      const verdict = stage.query!(q)
      return typeof verdict === 'number' ? settled(verdict) : verdict.then(settled, failed)
    } catch (error) {
      return failed(error)
    }
  }

  #up(stage: Stage, step: TraceStep, q: Query): void {
    if (stage.query === undefined) {
      step.verdict = 'up only'
      this.log.steps.push(step)
    }
    this.#current = step
    const before = replyFacts(q)
    const startMs = this.#nowMs()
    try {
      stage.reply!(q)
    } finally {
      step.tookMs += this.#nowMs() - startMs
      step.changedReply.push(...differences(before, replyFacts(q)))
      step.learned.push(...differences(step.facts, stage.explain?.(q) ?? {}))
    }
  }
}

export function questionText({ name, type, class: klass }: Question): string {
  return `${name} ${klass === 1 ? '' : `${className(klass)} `}${typeName(type)}`
}

function requestFacts({ request }: Query): Facts {
  const { edns } = request
  return {
    question: questionText(request.questions[0]!),
    flags: flagsOf(request, ['rd', 'ad', 'cd']),
    edns: edns === undefined ? 'none' : `${edns.udpSize}${edns.do ? ' do' : ''}`,
    options: edns?.options.map((option) => String(option.code)).join(' ') ?? '',
  }
}

function replyFacts(q: Query): Facts {
  const { reply } = q
  return {
    rcode: rcodeName(reply.rcode),
    flags: flagsOf(reply, ['aa', 'tc', 'ra', 'ad']),
    question: reply.questions[0] === undefined ? '' : questionText(reply.questions[0]),
    answer: records(reply.answers),
    authority: records(reply.authorities),
    additional: records(reply.additionals),
    error: q.error?.message ?? '',
  }
}

function records(section: Message['answers']): string {
  if (section.length === 0) return ''
  const ttls = [...new Set(section.map((record) => record.ttl))].sort((a, b) => a - b)
  const types = section.map((record) => typeName(record.type))
  return `${section.length} (${[...new Set(types)].join(' ')}) ttl ${ttls.length === 1 ? ttls[0] : `${ttls[0]} to ${ttls.at(-1)}`}`
}

function flagsOf(message: Message, flags: readonly ('aa' | 'tc' | 'rd' | 'ra' | 'ad' | 'cd')[]): string {
  return flags.filter((flag) => message[flag]).join(' ')
}

function differences(before: Facts, after: Facts): string[] {
  return Object.keys(after).filter((key) => (before[key] ?? '') !== after[key]).map((key) => {
    const old = before[key]
    return old === undefined || old === '' ? `${key}: ${String(after[key])}` : `${key}: ${String(old)} → ${String(after[key] === '' ? 'none' : after[key])}`
  })
}
