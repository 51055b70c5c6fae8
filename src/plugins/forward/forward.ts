import type { Env } from '../../core/env.ts'
import { DONE, NEXT, type Slot, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import type { UpstreamsState } from '../../core/stage-state.ts'
import { Instance } from './instance.ts'
import type { ForwardOptions } from './options.ts'
import { QuickForward, type Inquiry } from './quick-forward.ts'

/** The `forward` directives of a block, tried in the order of the file. */
export class Forward implements Stage {
  readonly name = 'forward'
  readonly quick: QuickForward
  readonly #instances: readonly Instance[]
  /** What the quick way has found out already, where it could not answer with it. */
  readonly #found: Slot<Inquiry>

  constructor(env: Env, options: readonly ForwardOptions[]) {
    this.#instances = options.map((each, i) => new Instance(env, each, i + 1 < options.length))
    this.#found = env.slot()
    this.quick = new QuickForward(this.#instances, this.#found)
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
    const found = this.#found.get(q)
    if (found !== undefined) return this.#settle(q, found)
    const first = this.#instances.findIndex((instance) => instance.covers(q.question.name))
    return first < 0 ? NEXT : this.#ask(q, first)
  }

  #settle(q: Query, found: Inquiry): Verdict | Promise<Verdict> {
    this.#found.set(q, undefined)
    if (found.instance.settle(q, found.outcome!, found.shared) === 'settled') return DONE
    return this.#ask(q, this.#instances.indexOf(found.instance) + 1)
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
