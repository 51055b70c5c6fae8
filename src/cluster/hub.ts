import type { Clock, Timer } from '../base/clock.ts'
import { ClusterIndex } from './index.ts'
import type { Source } from './source/source.ts'

/** How long an index that nobody uses is kept: a reload lets go of it and takes it again. */
const LINGER_MS = 10_000

/** One index with its source, shared by all who want the same objects. */
export interface ClusterFeed {
  readonly index: ClusterIndex
  readonly source: Source
}

interface Entry {
  readonly feed: ClusterFeed
  readonly started: Promise<void>
  users: number
  lingering: Timer | undefined
}

/** The indexes of the process by what they hold. Blocks with equal options share one, and a reload keeps it. */
export class ClusterHub {
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Rejects when the source cannot start; `release` must follow a success. */
  async acquire(key: string, makeSource: () => Source): Promise<ClusterFeed> {
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      const feed = { index: new ClusterIndex(this.#clock), source: makeSource() }
      entry = { feed, started: feed.source.start(feed.index), users: 0, lingering: undefined }
      this.#entries.set(key, entry)
    }
    entry.users++
    entry.lingering?.cancel()
    try {
      await entry.started
    } catch (error) {
      this.#entries.delete(key)
      throw error
    }
    return entry.feed
  }

  release(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined || --entry.users > 0) return
    entry.lingering = this.#clock.after(LINGER_MS, () => {
      this.#entries.delete(key)
      void entry.feed.source.stop()
    })
  }
}
