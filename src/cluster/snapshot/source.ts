import type { Timer } from '../../base/clock.ts'
import type { Gauge } from '../../core/metrics.ts'
import type { ClusterIndex } from '../index.ts'
import type { Source, SourceWorld } from '../source/source.ts'
import { decodeSnapshot, encodeSnapshot } from './format.ts'
import { readSnapshotFile, writeSnapshotFile } from './file.ts'

const CHECK_MS = 50
/** How long the API server may take before what an earlier process knew is served instead. */
const RESTORE_MS = 2000
/** How old a snapshot may be while things change. */
const SAVE_MS = 30_000

export interface SnapshotChoice {
  readonly path: string
  /** What the index is of: a snapshot of something else is not used. */
  readonly key: string
}

/**
 * A source whose index outlives the process in a file: written when all is known and while it changes, read when the API server does
 * not answer at the start. Its objects are served until the API server tells of others.
 */
export class SnapshotSource implements Source {
  readonly #inner: Source
  readonly #choice: SnapshotChoice
  readonly #world: SourceWorld
  readonly #restoredGauge: Gauge
  readonly #writtenGauge: Gauge
  #timers: Timer[] = []
  #unlisten: () => void = () => undefined
  #changed = true
  #saving: Promise<void> | undefined
  #tried = false
  #restoredMs: number | undefined

  constructor(inner: Source, choice: SnapshotChoice, world: SourceWorld) {
    this.#inner = inner
    this.#choice = choice
    this.#world = world
    this.#restoredGauge = world.metrics.gauge('hearth_kubernetes_snapshot_served', '1 while answers come from a snapshot because the API server has not answered since the start.').with()
    this.#writtenGauge = world.metrics.gauge('hearth_kubernetes_snapshot_timestamp_seconds', 'When the snapshot that is there was written.').with()
    this.#restoredGauge.set(0)
  }

  get synced(): boolean {
    return this.#inner.synced || this.#restoredMs !== undefined
  }

  /** Why answers may be old: since when, in Unix milliseconds. */
  get staleSinceMs(): number | undefined {
    return this.#inner.synced ? undefined : this.#restoredMs
  }

  async start(index: ClusterIndex): Promise<void> {
    await this.#inner.start(index)
    this.#unlisten = index.onChange(() => { this.#changed = true })
    const startMs = this.#world.clock.nowMs()
    const watch = this.#world.clock.every(CHECK_MS, () => {
      if (this.#inner.synced) {
        watch.cancel()
        this.#live(index)
      } else if (this.#world.clock.nowMs() - startMs >= RESTORE_MS) this.#restore(index)
    })
    this.#timers.push(watch)
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    this.#unlisten()
    await this.#saving
    await this.#inner.stop()
  }

  #restore(index: ClusterIndex): void {
    if (this.#tried) return
    this.#tried = true
    const { path, key } = this.#choice
    try {
      const bytes = readSnapshotFile(path)
      if (bytes === undefined) return this.#world.log.warning(`the API server does not answer, and there is no snapshot ${path}`)
      const snapshot = decodeSnapshot(bytes, key)
      if (typeof snapshot === 'string') return this.#world.log.error(`snapshot ${path} is not used: ${snapshot}`)
      index.restore(snapshot.objects)
      this.#restoredMs = snapshot.writtenMs
      this.#restoredGauge.set(1)
      this.#writtenGauge.set(snapshot.writtenMs / 1000)
      this.#world.log.warning(`the API server does not answer: serving ${snapshot.objects.length} objects from the snapshot of ${new Date(snapshot.writtenMs).toISOString()}`)
    } catch (error) {
      this.#world.log.error(`snapshot ${path} cannot be read: ${messageOf(error)}`)
    }
  }

  #live(index: ClusterIndex): void {
    if (this.#restoredMs !== undefined) this.#world.log.info('the API server has told everything: the snapshot is no longer served')
    this.#restoredMs = undefined
    this.#restoredGauge.set(0)
    this.#save(index)
    this.#timers.push(this.#world.clock.every(SAVE_MS, () => this.#save(index)))
  }

  #save(index: ClusterIndex): void {
    if (!this.#changed || this.#saving !== undefined) return
    this.#changed = false
    const wallMs = this.#world.clock.wallMs()
    this.#saving = writeSnapshotFile(this.#choice.path, encodeSnapshot(index, this.#choice.key, wallMs)).then(
      () => this.#writtenGauge.set(wallMs / 1000),
      (error: unknown) => {
        this.#changed = true
        this.#world.log.error(`snapshot ${this.#choice.path} cannot be written: ${messageOf(error)}`)
      },
    ).finally(() => { this.#saving = undefined })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
