import type { Explanation, ExplainRequest } from '../admin/explanation.ts'
import type { Traffic } from '../admin/traffic/traffic.ts'
import { Refusal, type AdminView } from '../admin/view.ts'
import { explainQuery, explainSearch } from './explain.ts'
import type { Generation } from './generation.ts'
import type { Server } from './server.ts'
import type { SystemWorld } from './world.ts'

/** A running program as its admin port shows it. */
export class ServerView implements AdminView {
  readonly #server: Server
  readonly #world: SystemWorld

  constructor(server: Server, world: SystemWorld) {
    this.#server = server
    this.#world = world
  }

  async explain(request: ExplainRequest, searchNamespace: string | undefined): Promise<readonly Explanation[]> {
    const generation = this.#generation()
    if (searchNamespace !== undefined) return explainSearch(request, searchNamespace, generation, this.#world)
    return [await explainQuery(request, generation, this.#world)]
  }

  get traffic(): Traffic {
    return this.#world.traffic
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
