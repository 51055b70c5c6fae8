import { sleep, type Timer } from '../base/clock.ts'
import type { World } from '../core/build.ts'
import type { Plugin } from '../core/plugin.ts'
import type { Corefile } from '../corefile/tree.ts'
import type { Admission } from './admission.ts'
import { describeFastPath } from './fast-path.ts'
import { Generation } from './generation.ts'
import type { GroupWorld } from './group.ts'
import type { KeepsakeStore } from './keepsakes.ts'
import { ReloadWatch, type Rejected } from './reload-watch.ts'
import type { SocketMark } from './socket-mark.ts'
import { Sockets } from './sockets.ts'
import type { UdpEngine } from './udp-engine.ts'

/** How long queries under way may take to finish when their sockets or their generation go. */
const GRACE_MS = 5000
/** How often we look whether the machine has other addresses than before. */
const ADDRESS_CHECK_MS = 5000

export interface ServerOptions {
  /** Reads and parses the Corefile as it is now. Throws ConfigError or the system's error. */
  readonly read: () => Corefile
  readonly plugins: ReadonlyMap<string, Plugin>
  /** Runs at the end, when TCP is closed and UDP still answers: the agent takes its rules back here. */
  readonly leaving?: () => Promise<void>
}

/** What a server needs of its process besides the world of its stages. */
export interface ServerWorld extends World {
  readonly admission: Admission
  readonly group: GroupWorld
  readonly keepsakes: KeepsakeStore
  readonly socketMark: SocketMark
  readonly engine: UdpEngine
  /** Turns debug lines on or off. */
  setDebug(on: boolean): void
}

/** One program's DNS service: reads a Corefile, serves it, changes it without dropping a query, ends it in order. */
export class Server {
  readonly #options: ServerOptions
  readonly #world: ServerWorld
  readonly #sockets: Sockets
  readonly #watch: ReloadWatch
  #current: Generation | undefined
  #changing: Promise<void> = Promise.resolve()
  #addressTimer: Timer | undefined
  #addresses = ''

  constructor(options: ServerOptions, world: ServerWorld) {
    this.#options = options
    this.#world = world
    this.#sockets = new Sockets(world, world.host, world.engine)
    this.#watch = new ReloadWatch(options.read, world, (corefile) => this.#oneAtATime(() => this.#replace(corefile)))
  }

  /** Serves, or rejects with nothing left behind. */
  async start(): Promise<void> {
    await this.#oneAtATime(() => this.#replace(this.#options.read()))
    this.#addresses = this.#addressList()
    this.#addressTimer = this.#world.clock.every(ADDRESS_CHECK_MS, () => this.#checkAddresses())
  }

  /** What serves now. */
  get current(): Generation | undefined {
    return this.#current
  }

  /** The configuration that was tried last, if it could not be served. */
  get rejected(): Rejected | undefined {
    return this.#watch.rejected
  }

  /** `ZONE:PORT`, or `ZONE:PORT on ADDRESS`, sorted: what serves now. */
  zones(): string[] {
    const blocks = this.#current?.blocks ?? []
    const lines = blocks.filter((block) => block.place.serverLabels.length > 0).flatMap((block) => block.keys.flatMap((key) => {
      const zone = `${key.scheme === 'dns' ? '' : `${key.scheme}://`}${key.zone}:${key.port}`
      return block.place.bound.length === 0 ? [zone] : block.place.bound.map((address) => `${zone} on ${address}`)
    }))
    return [...new Set(lines)].sort()
  }

  /** The Corefile has been written: it is read at once, where the `reload` directive says that changes count. */
  corefileWritten(): void {
    this.#watch.lookNow()
  }

  /** Reads the Corefile again and serves it. Logs and resolves to false when it cannot be served; the old one then stays. */
  async reload(reason: string): Promise<boolean> {
    return this.#watch.reloadNow(reason)
  }

  /** No other process shares our ports any more, nor is about to leave them. */
  alone(): void {
    this.#sockets.alone()
  }

  /** The lame duck: still serves, but whoever asks for readiness is told to go elsewhere. */
  async drain(): Promise<void> {
    this.#watch.stop()
    this.#addressTimer?.cancel()
    // A change that failed has been logged by who asked for it; what serves now is what we end.
    await this.#changing.catch(() => undefined)
    await this.#current?.drain()
  }

  /** No new queries, then the stages' ends. Rejects if a stage could not end in order. */
  async stop(): Promise<void> {
    await this.#sockets.drain(GRACE_MS, this.#options.leaving ?? (() => Promise.resolve()))
    await this.#world.engine.close()
    await this.#current?.stop()
    this.#current = undefined
  }

  async #replace(corefile: Corefile): Promise<void> {
    const { keepsakes } = this.#world
    for (const warning of corefile.warnings) this.#world.log.warning(warning)
    keepsakes.begin()
    const next = new Generation(corefile, this.#options.plugins, this.#world, this.#world.group)
    await next.start()
    let swap: () => Promise<void>
    try {
      swap = await this.#sockets.prepare(next.wanted)
    } catch (error) {
      await next.stop()
      throw error
    }
    const old = this.#current
    this.#current = next
    const leaving = swap()
    this.#world.setDebug(next.debug)
    if (this.#world.engine.packets !== undefined) {
      for (const block of next.blocks) this.#world.log.debug(`${block.keys.map((key) => key.text).join(' ')}: ${describeFastPath(block)}`)
    }
    next.serving(this.#sockets.places())
    keepsakes.commit()
    this.#watch.follow(corefile, next.blocks)
    if (old !== undefined) await this.#retire(old, leaving)
  }

  async #retire(old: Generation, leaving: Promise<void>): Promise<void> {
    await leaving
    const end = this.#world.clock.nowMs() + GRACE_MS
    while (old.inFlight > 0 && this.#world.clock.nowMs() < end) await sleep(this.#world.clock, 20)
    await old.stop()
    this.#world.engine.packets?.retire(old.wanted.map(({ group }) => group.scope))
  }

  #oneAtATime(change: () => Promise<void>): Promise<void> {
    const run = this.#changing.catch(() => undefined).then(change)
    this.#changing = run
    return run
  }

  /** New addresses of the machine get sockets of their own, and those of addresses that went are closed. */
  #checkAddresses(): void {
    const now = this.#addressList()
    const current = this.#current
    if (now === this.#addresses || current === undefined) return
    this.#addresses = now
    this.#oneAtATime(async () => (await this.#sockets.prepare(current.wanted))())
      .catch((error: unknown) => this.#world.log.error(`following changed addresses: ${String(error)}`))
  }

  #addressList(): string {
    return this.#world.host.addresses().map((entry) => entry.address).sort().join(' ')
  }
}
