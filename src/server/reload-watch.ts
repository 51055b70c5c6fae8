import type { Timer } from '../base/clock.ts'
import type { Block, World } from '../core/build.ts'
import type { Counter, Family, Gauge } from '../core/metrics.ts'
import type { ReloadSettings } from '../core/settings.ts'
import type { Corefile } from '../corefile/tree.ts'

/** A configuration that cannot be served. */
export interface Rejected {
  /** Unix milliseconds. */
  readonly at: number
  readonly error: string
}

/** Watches the Corefile as the `reload` directive says, and reloads on demand (specification 3.6, 17.4, 17.14). */
export class ReloadWatch {
  readonly #read: () => Corefile
  readonly #world: World
  readonly #replace: (corefile: Corefile) => Promise<void>
  readonly #failed: Counter
  readonly #version: Family<Gauge>
  #timer: Timer | undefined
  /** Of the `reload` directive in force, if there is one. */
  #settings: ReloadSettings | undefined
  #stopped = false
  /** Hash of what was last read, tried or serving: a broken Corefile is tried once, not at every look. */
  #hash = ''
  #shownHash = ''
  #warned = ''
  #rejected: Rejected | undefined

  constructor(read: () => Corefile, world: World, replace: (corefile: Corefile) => Promise<void>) {
    this.#read = read
    this.#world = world
    this.#replace = replace
    this.#failed = world.metrics.counter('coredns_reload_failed_total', 'Counter of the number of failed reload attempts.').with()
    this.#version = world.metrics.gauge('coredns_reload_version_info', 'A metric with a constant value labeled by hash, and value which type of hash generated.', ['hash', 'value'])
  }

  /** A Corefile serves: look for changes from it, if one of its blocks has `reload`. */
  follow(corefile: Corefile, blocks: readonly Block[]): void {
    this.#hash = corefile.hash
    this.#rejected = undefined
    this.#timer?.cancel()
    const settings = blocks.map((block) => block.settings.reload).findLast((reload) => reload !== undefined)
    this.#settings = settings
    if (settings === undefined || this.#stopped) return
    this.#log().info(`Running configuration SHA512 = ${corefile.hash}`)
    this.#timer = this.#world.clock.after(this.#period(settings), () => {
      this.#look(settings).catch((error: unknown) => this.#log().error(`looking at the Corefile: ${String(error)}`))
    })
  }

  /** The configuration that was tried last, if it could not be served. */
  get rejected(): Rejected | undefined {
    return this.#rejected
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** Who wrote the Corefile knows that it has changed: if `reload` is wanted at all, it need not wait for its interval. */
  lookNow(): void {
    const settings = this.#settings
    if (settings === undefined || this.#stopped) return
    this.#timer?.cancel()
    this.#look(settings).catch((error: unknown) => this.#log().error(`looking at the Corefile: ${String(error)}`))
  }

  /** Reads and serves the Corefile now, whether it changed or not. False when the old one stays. */
  async reloadNow(reason: string): Promise<boolean> {
    try {
      const corefile = this.#read()
      return await this.#apply(corefile, `${reason}: starting with listener file descriptors`)
    } catch (error) {
      this.#reject(error)
      this.#failed.add()
      this.#world.log.error(`Restart failed: ${messageOf(error)}`)
      this.#world.log.error(`${reason}: starting with listener file descriptors: ${messageOf(error)}`)
      return false
    }
  }

  async #look(settings: ReloadSettings): Promise<void> {
    const corefile = this.#readQuietly()
    if (corefile !== undefined && corefile.hash !== this.#hash) {
      this.#hash = corefile.hash
      this.#showVersion(corefile.hash)
      if (await this.#apply(corefile, 'plugin/reload: Corefile changed but reload failed: starting with listener file descriptors')) return
    }
    if (this.#stopped) return
    this.#timer?.cancel()
    this.#timer = this.#world.clock.after(this.#period(settings), () => {
      this.#look(settings).catch((error: unknown) => this.#log().error(`looking at the Corefile: ${String(error)}`))
    })
  }

  async #apply(corefile: Corefile, failure: string): Promise<boolean> {
    this.#world.log.info('Reloading')
    try {
      await this.#replace(corefile)
    } catch (error) {
      this.#reject(error)
      this.#failed.add()
      this.#world.log.error(`Restart failed: ${messageOf(error)}`)
      this.#world.log.error(`${failure}: ${messageOf(error)}`)
      return false
    }
    this.#world.log.info('Reloading complete')
    return true
  }

  /** Undefined while the file cannot be read or parsed; each distinct error is logged once. */
  #readQuietly(): Corefile | undefined {
    try {
      const corefile = this.#read()
      // A text that could not even be parsed is gone.
      if (this.#warned !== '') this.#rejected = undefined
      this.#warned = ''
      return corefile
    } catch (error) {
      const text = messageOf(error)
      this.#reject(error)
      if (text !== this.#warned) this.#log().warning(`Corefile parse failed: ${text}`)
      this.#warned = text
      return undefined
    }
  }

  #reject(error: unknown): void {
    this.#rejected = { at: this.#world.clock.wallMs(), error: messageOf(error) }
  }

  #showVersion(hash: string): void {
    if (this.#shownHash !== '') this.#version.remove('sha512', this.#shownHash)
    this.#version.with('sha512', hash).set(1)
    this.#shownHash = hash
  }

  /** Spread around the interval, so that the replicas of a Deployment do not all reload at once. */
  #period({ intervalMs, jitterMs }: ReloadSettings): number {
    return intervalMs + jitterMs * (this.#world.random.float() - 0.5)
  }

  #log(): World['log'] {
    return this.#world.log.named('plugin/reload')
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
