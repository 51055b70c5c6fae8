import type { Timer } from '../../base/clock.ts'
import { formatDuration, parseDuration } from '../../base/duration.ts'
import type { Env } from '../../core/env.ts'
import type { Stage } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { typeName } from '../../wire/codes.ts'
import { lowerName } from '../../wire/name.ts'
import type { Consolidation, ErrorLevel } from './options.ts'

/** Logs why queries failed; errors that match a pattern are counted instead and summed up. */
export class Errors implements Stage {
  readonly name = 'errors'
  /** The quick way knows no errors. */
  readonly quick = { byWorkers: {} }
  readonly #env: Env
  readonly #windows: readonly Window[]

  constructor(env: Env, patterns: readonly Consolidation[]) {
    this.#env = env
    this.#windows = patterns.map((pattern) => new Window(env, pattern))
  }

  reply(q: Query): void {
    if (q.error === undefined) return
    const { name, type } = q.question
    const text = `${q.written ? 0 : q.reply.rcode} ${lowerName(name)} ${typeName(type)}: ${q.error.message}`
    const window = this.#windows.find((candidate) => candidate.matches(q.error!.message))
    if (window === undefined) this.#env.log.error(text)
    else window.count(text)
  }

  async stop(): Promise<void> {
    for (const window of this.#windows) window.end()
    return Promise.resolve()
  }
}

/** The errors of one pattern since its first, until its time is up. */
class Window {
  readonly #env: Env
  readonly #spec: Consolidation
  #hits = 0
  #timer: Timer | undefined
  #ended = false

  constructor(env: Env, spec: Consolidation) {
    this.#env = env
    this.#spec = spec
  }

  matches(text: string): boolean {
    return !this.#ended && this.#spec.pattern.test(text)
  }

  count(text: string): void {
    if (this.#hits++ > 0) return
    if (this.#spec.showFirst) write(this.#env, this.#spec.level, text)
    this.#timer = this.#env.clock.after(this.#spec.windowMs, () => this.#sumUp())
  }

  /** Sums up what is pending; later errors are logged one by one. */
  end(): void {
    this.#timer?.cancel()
    this.#ended = true
    this.#sumUp()
  }

  #sumUp(): void {
    const hits = this.#hits
    this.#hits = 0
    if (hits === 0 || (this.#spec.showFirst && hits === 1)) return
    const window = formatDuration(parseDuration(this.#spec.windowText) ?? this.#spec.windowMs)
    write(this.#env, this.#spec.level, `${hits} errors like '${this.#spec.source}' occurred in last ${window}`)
  }
}

function write(env: Env, level: ErrorLevel, text: string): void {
  env.log[level](text)
}
