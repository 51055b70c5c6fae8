import type { Env } from '../../core/env.ts'
import { NEXT, type Slot, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import type { ChildSpan, OpenSpan, SpanSink } from '../../core/spans.ts'
import { Trace } from '../../core/trace.ts'
import { rcodeName, typeName } from '../../wire/codes.ts'
import { lowerName } from '../../wire/name.ts'
import type { TraceOptions } from './options.ts'

/** Sends a span for one query of so many, with one for each stage below and for each question to an upstream. */
export class Tracing implements Stage {
  readonly name = 'trace'
  readonly #env: Env
  readonly #options: TraceOptions
  /** Traces that were begun here: `explain` has its own. */
  readonly #ours = new WeakSet<Trace>()
  readonly #open: Slot<OpenSpan>
  #sink!: SpanSink
  #count = 0

  constructor(env: Env, options: TraceOptions) {
    this.#env = env
    this.#options = options
    this.#open = env.slot()
  }

  async start(): Promise<void> {
    this.#sink = await this.#env.spans.open(this.#options.spans)
  }

  async stop(): Promise<void> {
    await this.#sink.close()
  }

  watch(q: Query): Trace | undefined {
    const { every } = this.#options
    if (every === 0 || ++this.#count % every !== 0) return undefined
    const trace = new Trace(q.question, () => this.#env.clock.nowMs())
    this.#ours.add(trace)
    return trace
  }

  query(q: Query): Verdict {
    if (q.trace === undefined || !this.#ours.has(q.trace)) return NEXT
    const span = this.#sink.begin('servedns', this.#wallMs(this.#env.clock.nowMs()))
    this.#open.set(q, span)
    q.metadata?.set('trace/traceid', () => span.traceId)
    return NEXT
  }

  reply(q: Query): void {
    const span = this.#open.get(q)
    if (span === undefined || q.trace === undefined) return
    const endMs = this.#wallMs(this.#env.clock.nowMs())
    span.end({
      endMs,
      attributes: {
        'coredns.io/name': lowerName(q.question.name),
        'coredns.io/type': typeName(q.question.type),
        'coredns.io/rcode': q.dropped ? 'NOERROR' : rcodeName(q.reply.rcode),
        'coredns.io/proto': q.protocol,
        'coredns.io/remote': q.client.address,
      },
      error: q.error?.message,
      children: this.#stages(q.trace, endMs),
    })
  }

  /** The stages below, each within the one above it; what a stage waited for upstream is within it too. */
  #stages(trace: Trace, endMs: number): readonly ChildSpan[] {
    const below = trace.log.steps.slice(trace.log.steps.findIndex((step) => step.stage === this.name) + 1)
    let inner: readonly ChildSpan[] = []
    for (const step of below.toReversed()) {
      const started = trace.startedMs.get(step)
      if (started === undefined) continue
      const startMs = this.#wallMs(started)
      let at = startMs
      const attempts = step.attempts.map(({ to, protocol, tookMs, outcome }): ChildSpan => {
        const attempt = { name: 'connect', startMs: at, endMs: at + tookMs, attributes: { 'peer.address': to, protocol, outcome }, children: [] }
        at += tookMs
        return attempt
      })
      inner = [{ name: step.stage, startMs, endMs, attributes: {}, children: [...attempts, ...inner] }]
    }
    return inner
  }

  #wallMs(nowMs: number): number {
    return this.#env.clock.wallMs() - this.#env.clock.nowMs() + nowMs
  }
}
