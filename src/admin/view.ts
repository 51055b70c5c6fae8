import type { CachedAnswer } from '../core/stage-state.ts'
import type { ConfigurationState, State } from './state.ts'
import type { Top, Traffic } from './traffic/traffic.ts'
import type { Explanation, ExplainRequest } from './explanation.ts'

/** Tables of what is asked most, and the pods that their clients are, by address, where the program knows them. */
export interface TopView extends Top {
  readonly pods: Readonly<Record<string, string>>
}

/** What the admin port shows of a program. The server makes it. */
export interface AdminView {
  /** Rejects with `Refusal` for a question that makes no sense. With a namespace: the names that a pod there would try, in order. */
  explain(request: ExplainRequest, searchNamespace: string | undefined): Promise<readonly Explanation[]>
  state(): Promise<State>
  configuration(): ConfigurationState
  findCached(text: string, limit: number): readonly CachedAnswer[]
  readonly traffic: Traffic
  top(rows: number): TopView
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
