import type { Env } from '../../core/env.ts'
import { DONE, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import type { UpstreamsState } from '../../core/stage-state.ts'
import { Instance } from './instance.ts'
import type { ForwardOptions } from './options.ts'

/** The `forward` directives of a block, tried in the order of the file. */
export class Forward implements Stage {
  readonly name = 'forward'
  readonly #instances: readonly Instance[]

  constructor(env: Env, options: readonly ForwardOptions[]) {
    this.#instances = options.map((each, i) => new Instance(env, each, i + 1 < options.length))
  }

  async start(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.start()))
  }

  async stop(): Promise<void> {
    for (const instance of this.#instances) instance.stop()
    return Promise.resolve()
  }

  states(): readonly UpstreamsState[] {
    return this.#instances.map((instance) => instance.state())
  }

  query(q: Query): Verdict | Promise<Verdict> {
    const first = this.#instances.findIndex((instance) => instance.covers(q.question.name))
    return first < 0 ? NEXT : this.#ask(q, first)
  }

  async #ask(q: Query, first: number): Promise<Verdict> {
    for (let i = first; i < this.#instances.length; i++) {
      const instance = this.#instances[i]!
      if (!instance.covers(q.question.name)) continue
      if (await instance.answer(q) === 'settled') return DONE
    }
    return NEXT
  }
}
