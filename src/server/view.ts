import type { Explanation, ExplainRequest } from '../admin/explanation.ts'
import { summarize, type AgentState, type ConfigurationState, type State } from '../admin/state.ts'
import type { Traffic } from '../admin/traffic/traffic.ts'
import { Refusal, type AdminView, type TopView } from '../admin/view.ts'
import type { CachedAnswer } from '../core/stage-state.ts'
import { textOf } from './corefile-source.ts'
import { explainQuery, explainSearch } from './explain.ts'
import type { Generation } from './generation.ts'
import type { Server } from './server.ts'
import type { SystemWorld } from './world.ts'

/** What the view needs of the program around the server. */
interface Program {
  readonly name: string
  readonly version: string
  /** Path of the Corefile. */
  readonly corefile: string
  agent?(): Promise<AgentState | undefined>
}

/** A running program as its admin port shows it. */
export class ServerView implements AdminView {
  readonly #program: Program
  readonly #server: Server
  readonly #world: SystemWorld

  constructor(program: Program, server: Server, world: SystemWorld) {
    this.#program = program
    this.#server = server
    this.#world = world
  }

  get traffic(): Traffic {
    return this.#world.traffic
  }

  top(rows: number): TopView {
    const top = this.traffic.top(rows)
    const stages = this.#server.current?.stages.filter((stage) => stage.podAt !== undefined) ?? []
    const addresses = new Set([...top.clients.map(({ key }) => key), ...top.waste.map(({ client }) => client)])
    const pods = [...addresses].flatMap((address) => {
      const pod = stages.map((stage) => stage.podAt!(address)).find((found) => found !== undefined)
      return pod === undefined ? [] : [[address, pod] as const]
    })
    return { ...top, pods: Object.fromEntries(pods) }
  }

  async state(): Promise<State> {
    const { current } = this.#server
    const { metrics, host } = this.#world
    const known = {
      serving: this.#server.zones(),
      stages: current?.stages.flatMap((stage) => stage.states?.() ?? []) ?? [],
      agent: await this.#program.agent?.() ?? null,
    }
    return {
      ...known,
      program: this.#program.name,
      version: this.#program.version,
      node: process.version,
      pid: process.pid,
      host: host.name,
      upSeconds: Math.round(process.uptime()),
      summary: summarize(known, this.#server.rejected?.error),
      residentBytes: process.memoryUsage.rss(),
      inFlight: current?.inFlight ?? 0,
      cache: { hits: metrics.sum('coredns_cache_hits_total'), misses: metrics.sum('coredns_cache_misses_total') },
    }
  }

  configuration(): ConfigurationState {
    return { inForce: this.#server.current?.corefile.text ?? '', file: textOf(this.#program.corefile), rejected: this.#server.rejected }
  }

  findCached(text: string, limit: number): readonly CachedAnswer[] {
    return this.#generation().stages.flatMap((stage) => stage.findCached?.(text, limit) ?? []).slice(0, limit)
  }

  async explain(request: ExplainRequest, searchNamespace: string | undefined): Promise<readonly Explanation[]> {
    const generation = this.#generation()
    if (searchNamespace !== undefined) return explainSearch(request, searchNamespace, generation, this.#world)
    return [await explainQuery(request, generation, this.#world)]
  }

  reload(): Promise<boolean> {
    return this.#server.reload('admin port')
  }

  #generation(): Generation {
    const { current } = this.#server
    if (current === undefined) throw new Refusal('the program is still starting', 503)
    return current
  }
}
