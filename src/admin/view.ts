import type { CachedAnswer } from '../core/stage-state.ts'
import type { ConfigurationState, State } from './state.ts'
import type { Traffic } from './traffic/traffic.ts'
import type { Explanation, ExplainRequest } from './explanation.ts'

/** What the admin port shows of a program. The server makes it. */
export interface AdminView {
  /** Rejects with `Refusal` for a question that makes no sense. With a namespace: the names that a pod there would try, in order. */
  explain(request: ExplainRequest, searchNamespace: string | undefined): Promise<readonly Explanation[]>
  state(): Promise<State>
  configuration(): ConfigurationState
  findCached(text: string, limit: number): readonly CachedAnswer[]
  readonly traffic: Traffic
  /** Reads the Corefile again. False when the old one stays. */
  reload(): Promise<boolean>
}

/** A request that cannot be answered, with what to correct: the client's fault unless the status says otherwise. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number

  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}
