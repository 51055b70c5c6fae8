import { Worker } from 'node:worker_threads'
import type { Log } from '../../base/log.ts'
import { clockOriginMs } from './clock-origin.ts'
import { Control, type WorkerSocket } from './control.ts'
import type { HashKey } from './packet-hash.ts'
import { HitSamples } from './hit-samples.ts'
import { MissRing } from './miss-ring.ts'
import { TallyMemory } from './tally-memory.ts'
import type { WorkerStart } from './worker.ts'

/** How long a worker's wait may take: so long it may not see that sockets have changed, or that it shall end. */
const WAIT_MS = 200
/** A worker that dies is replaced after this, so that one that cannot start does not keep the machine busy. */
const REPLACE_AFTER_MS = 50
/** What a worker's heap may hold: it makes next to nothing. */
const HEAP_MB = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 } as const

/** In a bundle all modules are one file, and the worker's is beside it. */
const WORKER = import.meta.url.endsWith('.ts') ? new URL('./worker.ts', import.meta.url) : new URL('./packet-worker.mjs', import.meta.url)

export interface ThreadWorld {
  readonly log: Log
  readonly cache: SharedArrayBuffer
  readonly key: HashKey
  /** A worker died and another one takes its place. */
  replaced(): void
}

/** One packet worker as the main thread sees it. What it owns outlives the worker, so that the next one goes on where it ended. */
export class PacketThread {
  readonly control = new Control()
  readonly rings = { fair: new MissRing(this.control, 'fair'), excess: new MissRing(this.control, 'excess') }
  readonly tallies = new TallyMemory()
  readonly samples = new HitSamples()
  readonly #world: ThreadWorld
  readonly #sockets: WorkerSocket[] = []
  /** Version of the list that a socket is no longer in, by its number. */
  readonly #releasing = new Map<number, number>()
  #version = 0
  #worker: Worker
  #closing = false

  constructor(world: ThreadWorld) {
    this.#world = world
    this.#worker = this.#start()
  }

  get waitMs(): number {
    return WAIT_MS
  }

  /** The worker reads from the socket within `waitMs`. */
  add(socket: WorkerSocket): void {
    this.#sockets.push(socket)
    this.#version = this.control.setSockets(this.#sockets)
    this.#releasing.delete(socket.id)
  }

  /** The worker is told to let go of the socket; `reads` says when it has. */
  remove(id: number): void {
    this.#sockets.splice(this.#place(id), 1)
    this.#version = this.control.setSockets(this.#sockets)
    this.#releasing.set(id, this.#version)
  }

  /** True while the worker may read from a socket that was added once. What it has read before is in the ring afterwards. */
  reads(id: number): boolean {
    const released = this.#releasing.get(id)
    return released === undefined || this.control.taken < released
  }

  setScope(id: number, scope: number): void {
    const place = this.#place(id)
    this.#sockets[place] = { ...this.#sockets[place]!, scope }
    this.control.setScope(place, scope)
  }

  async close(): Promise<void> {
    this.#closing = true
    this.control.stop()
    await this.#worker.terminate()
  }

  /** For tests: the worker dies as from a bug of its own. */
  kill(): Promise<number> {
    return this.#worker.terminate()
  }

  #place(id: number): number {
    return this.#sockets.findIndex((socket) => socket.id === id)
  }

  #start(): Worker {
    const start: WorkerStart = {
      control: this.control.buffer, rings: { fair: this.rings.fair.buffer, excess: this.rings.excess.buffer }, cache: this.#world.cache, tallies: this.tallies.buffer, samples: this.samples.buffer, key: this.#world.key,
      originMs: clockOriginMs(), waitMs: WAIT_MS,
    }
    const worker = new Worker(WORKER, { workerData: start, name: 'packets', resourceLimits: HEAP_MB, trackUnmanagedFds: false })
    worker.on('error', (error) => this.#world.log.error(`packet worker: ${error.stack ?? error.message}`))
    worker.on('exit', () => this.#ended())
    worker.unref()
    return worker
  }

  #ended(): void {
    if (this.#closing) return
    this.#world.replaced()
    setTimeout(() => {
      if (!this.#closing) this.#worker = this.#start()
    }, REPLACE_AFTER_MS)
  }
}
