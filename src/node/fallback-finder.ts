import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { findTargets, type Found, type TargetOptions } from './fallback-targets.ts'
import type { ProxyMode } from './proxy-mode.ts'

/** How often the cluster's DNS is asked who could answer for us, and how often until somebody could. */
const EVERY_MS = 30_000
const RETRY_MS = 2000

export interface FinderWorld {
  readonly log: Log
  readonly clock: Clock
  mode(): ProxyMode
  found(found: Found): void
}

/** Keeps asking who answers when no agent does. What it learns on the way: whether the cluster's DNS answers. */
export class FallbackFinder {
  readonly #options: TargetOptions
  readonly #world: FinderWorld
  #timer: Timer | undefined
  #closed = false
  #answers: boolean | undefined
  #hasAnswered = false

  constructor(options: TargetOptions, world: FinderWorld) {
    this.#options = options
    this.#world = world
  }

  /** When last asked; undefined when there is nobody to ask, or nobody was. */
  get upstreamAnswers(): boolean | undefined {
    return this.#answers
  }

  /** It has answered once, or there is nobody to ask: one probe of the upstream was good. */
  get upstreamIsGood(): boolean {
    return this.#hasAnswered || this.#options.upstream === undefined
  }

  start(): void {
    const { log, clock, mode } = this.#world
    findTargets(this.#options, mode()).then((found) => {
      this.#note(found.upstreamAnswers)
      if (!this.#closed) this.#world.found(found)
      return found.targets.length > 0 ? EVERY_MS : RETRY_MS
    }).catch((error: unknown) => {
      log.error(`looking for fallback endpoints: ${String(error)}`)
      return EVERY_MS
    }).then((ms) => {
      if (!this.#closed) this.#timer = clock.after(ms, () => this.start())
    }, () => undefined)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #note(answers: boolean | undefined): void {
    if (answers === false && this.#answers !== false) this.#world.log.warning(`the cluster's DNS at ${this.#options.upstream?.address} does not answer`)
    this.#answers = answers
    this.#hasAnswered ||= answers === true
  }
}
