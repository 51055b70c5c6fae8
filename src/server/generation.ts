import type { Log } from '../base/log.ts'
import { buildBlock, type Block, type World } from '../core/build.ts'
import type { Plugin, Stage } from '../core/plugin.ts'
import { DEFAULT_SETTINGS } from '../core/settings.ts'
import type { Corefile } from '../corefile/tree.ts'
import { Group, type GroupWorld } from './group.ts'
import { planPlaces } from './plan.ts'
import { readServerTls, type ServerTls } from './server-tls.ts'
import type { Wanted } from './sockets.ts'

/** Everything one reading of the Corefile makes: built whole beside the one that serves, started, swapped in, later retired. */
export class Generation {
  readonly corefile: Corefile
  readonly blocks: readonly Block[]
  readonly wanted: readonly Wanted[]
  readonly #started: Stage[] = []
  readonly #log: Log

  /** Throws ConfigError; touches nothing outside. */
  constructor(corefile: Corefile, plugins: ReadonlyMap<string, Plugin>, world: World, groupWorld: GroupWorld) {
    this.corefile = corefile
    this.#log = world.log
    this.blocks = corefile.blocks().map((block) => buildBlock(block, plugins, world))
    const places = planPlaces(this.blocks, world.host)
    for (const block of this.blocks) {
      block.place.serverLabels = places.filter((place) => place.blocks.includes(block)).map((place) => place.label)
      block.place.otherZones = this.blocks.filter((other) => other !== block).flatMap((other) => other.zones)
    }
    this.wanted = places.map((place) => ({
      scheme: place.scheme,
      address: place.address,
      port: place.port,
      group: new Group(place, groupWorld),
      timeouts: place.blocks.findLast((block) => block.settings.timeouts !== DEFAULT_SETTINGS.timeouts)?.settings.timeouts ?? DEFAULT_SETTINGS.timeouts,
      tls: undefined,
      httpsConnections: place.blocks[0]!.settings.httpsConnections,
    }))
  }

  get stages(): readonly Stage[] {
    return this.blocks.flatMap((block) => block.stages)
  }

  /** Queries under way in this generation's groups. */
  get inFlight(): number {
    return this.wanted.reduce((sum, want) => sum + want.group.inFlight, 0)
  }

  get debug(): boolean {
    return this.blocks.some((block) => block.settings.debug)
  }

  /** Starts every stage. Rejects with the first failure, after stopping what had started. */
  async start(): Promise<void> {
    const outcomes = await Promise.allSettled(this.stages.map(async (stage) => {
      await stage.start?.()
      this.#started.push(stage)
    }))
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failure !== undefined) return this.#fail(failure.reason)
    try {
      for (const want of this.wanted) want.tls = this.#readTls(want)
    } catch (error) {
      return this.#fail(error)
    }
  }

  async #fail(reason: unknown): Promise<never> {
    await this.stop()
    throw reason
  }

  /** The first certificate among the blocks of a listener. */
  #readTls({ scheme, group }: Wanted): ServerTls | undefined {
    const block = scheme === 'dns' ? undefined : group.blocks.find((each) => each.settings.tls !== undefined)
    return block === undefined ? undefined : readServerTls(block.settings.tls!, block.files, this.#log)
  }

  /** The sockets now answer for this generation. */
  serving(places: readonly { address: string; port: number }[]): void {
    for (const block of this.blocks) {
      const ports = new Set(block.keys.map((key) => key.port))
      block.place.listening = places.filter((place) => ports.has(place.port)
        && (block.place.bound.length === 0 || block.place.bound.includes(place.address)))
    }
    for (const stage of this.stages) stage.serving?.()
  }

  async drain(): Promise<void> {
    await Promise.all(this.stages.map((stage) => stage.drain?.()))
  }

  /** Stops what was started. Never rejects before every stage has been told. */
  async stop(): Promise<void> {
    const outcomes = await Promise.allSettled(this.#started.splice(0).map((stage) => stage.stop?.()))
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failure !== undefined) throw failure.reason
  }
}
