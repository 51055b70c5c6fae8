import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'

/**
 * Files by which the kubelet's exec probes ask this very instance, whoever else shares its ports: `alive` and `ready` have the seconds
 * since the machine started at which they were last true, as `/proc/uptime` counts them. No clock that somebody can set is asked.
 */
export class ProbeFiles {
  readonly #folder: string

  /** Throws the system's error when the folder cannot be made. What a killed predecessor left behind says nothing. */
  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
    this.remove()
  }

  /** Throws the system's error. */
  show(signs: { readonly alive: boolean; readonly ready: boolean }): void {
    this.#put('alive', signs.alive)
    this.#put('ready', signs.ready)
  }

  remove(): void {
    for (const name of ['alive', 'ready']) rmSync(join(this.#folder, name), { force: true })
  }

  /** A file that is not true any more goes; `alive` grows old instead, so that a moment's silence is forgiven. */
  #put(name: 'alive' | 'ready', holds: boolean): void {
    const path = join(this.#folder, name)
    if (!holds) {
      if (name === 'ready') rmSync(path, { force: true })
      return
    }
    writeFileSync(`${path}.tmp`, `${Math.floor(uptime())}\n`)
    renameSync(`${path}.tmp`, path)
  }
}
