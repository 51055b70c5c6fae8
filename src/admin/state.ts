import type { StageState } from '../core/stage-state.ts'

/** How the program is, on one page. */
export interface State {
  readonly program: string
  readonly version: string
  readonly node: string
  readonly pid: number
  readonly host: string
  readonly upSeconds: number
  /** The one line at the top. */
  readonly summary: Summary
  readonly serving: readonly string[]
  readonly residentBytes: number
  readonly inFlight: number
  readonly cache: { readonly hits: number; readonly misses: number }
  readonly stages: readonly StageState[]
  /** Of the agent of a node; null in a program that has none. */
  readonly agent: AgentState | null
}

export interface Summary {
  readonly level: 'well' | 'troubled' | 'down'
  readonly text: string
}

export interface AgentState {
  readonly problems: readonly string[]
  readonly rows: readonly (readonly [name: string, text: string])[]
}

export interface ConfigurationState {
  /** What serves. */
  readonly inForce: string
  /** What the file says now; undefined where it cannot be read. */
  readonly file: string | undefined
  readonly rejected: { readonly at: number; readonly error: string } | undefined
}

/** Everything that is not as it should be, in one line. */
export function summarize(state: Pick<State, 'serving' | 'stages' | 'agent'>, rejected: string | undefined): Summary {
  if (state.serving.length === 0) return { level: 'down', text: 'starting: no query is answered yet' }
  const problems = [...state.agent?.problems ?? []]
  // The agent says it in its own words.
  if (rejected !== undefined && !problems.some((problem) => problem.startsWith('configuration rejected'))) problems.push('a newer configuration was rejected, the last good one serves')
  for (const stage of state.stages) {
    if (stage.kind === 'cluster' && !stage.synced) problems.push(`the cluster's objects are not in sync (${stage.source})`)
    if (stage.kind !== 'upstreams' || stage.upstreams.length === 0) continue
    const down = stage.upstreams.filter((upstream) => upstream.down)
    if (down.length === stage.upstreams.length) problems.push(`every upstream of ${stage.from} is down`)
    else if (down.length > 0) problems.push(`${down.length} of ${stage.upstreams.length} upstreams of ${stage.from} ${down.length === 1 ? 'is' : 'are'} down`)
  }
  if (problems.length === 0) return { level: 'well', text: `well: ${state.serving.length === 1 ? 'one zone' : `${state.serving.length} zones`} served, nothing is wrong` }
  return { level: 'troubled', text: problems.join('; ') }
}
