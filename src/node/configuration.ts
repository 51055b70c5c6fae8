import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { SetupError } from './attempts.ts'
import { NO_KUBE_DNS, parseKubeDns, readConfigMap, type KubeDnsConfig } from './kube-dns-config.ts'
import { expandTemplate, type TemplateValues } from './template.ts'

/** How often mounted ConfigMaps are looked at. The kubelet brings a change within a minute or two; we add little to it. */
const POLL_MS = 2000

export interface ConfigurationOptions {
  readonly template: string
  /** Where the expanded Corefile goes. */
  readonly corefile: string
  /** Folder of the mounted kube-dns ConfigMap; undefined when there is none. */
  readonly kubeDnsFolder: string | undefined
  readonly values: TemplateValues
}

export interface ConfigurationWorld {
  readonly log: Log
  readonly clock: Clock
  failed(kind: SetupError): void
  /** A new Corefile has been written. */
  written(): void
}

type Part = 'kube-dns' | 'template'

/**
 * Keeps the Corefile what template and ConfigMap make it. A mistake in either keeps the last good one, and is said once. Where there
 * is no template yet, the Corefile stays as it is.
 */
export class Configuration {
  readonly #options: ConfigurationOptions
  readonly #world: ConfigurationWorld
  readonly #complaints = new Map<Part, string>()
  #kubeDns: KubeDnsConfig = NO_KUBE_DNS
  #kubeDnsText = ''
  #written = ''
  #timer: Timer | undefined

  constructor(options: ConfigurationOptions, world: ConfigurationWorld) {
    this.#options = options
    this.#world = world
  }

  /** Why the newest configuration is not the one that serves; empty when it is. */
  get rejected(): string {
    return [...this.#complaints.values()].join('; ')
  }

  /** Writes the first Corefile. Throws when the template cannot be used; a bad ConfigMap only counts. */
  writeFirst(): void {
    const { template, corefile } = this.#options
    this.#readKubeDns()
    if (existsSync(template)) this.#write()
    else this.#world.log.info(`no template at ${template}: using ${corefile} as it is`)
  }

  watch(): void {
    this.#timer = this.#world.clock.every(POLL_MS, () => this.#look())
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #look(): void {
    this.#readKubeDns()
    if (this.#written === '' && !existsSync(this.#options.template)) return
    try {
      const isNew = this.#write()
      this.#complaints.delete('template')
      if (isNew) this.#world.written()
    } catch (error) {
      this.#complain('template', `template: ${messageOf(error)}`)
    }
  }

  #readKubeDns(): void {
    const folder = this.#options.kubeDnsFolder
    if (folder === undefined) return
    try {
      const files = existsSync(folder) ? readConfigMap(folder) : new Map<string, string>()
      const text = JSON.stringify([...files])
      if (text === this.#kubeDnsText) return
      this.#kubeDnsText = text
      this.#kubeDns = parseKubeDns(files)
      this.#complaints.delete('kube-dns')
    } catch (error) {
      this.#complain('kube-dns', `kube-dns configuration rejected, keeping the last good one: ${messageOf(error)}`)
    }
  }

  /** True when the text is new. */
  #write(): boolean {
    const { template, corefile, values } = this.#options
    const text = expandTemplate(readFileSync(template, 'utf8'), values, this.#kubeDns)
    if (text === this.#written) return false
    writeWhole(corefile, text)
    this.#written = text
    this.#world.log.info(`wrote ${corefile}:\n${text}`)
    return true
  }

  #complain(part: Part, text: string): void {
    if (text === this.#complaints.get(part)) return
    this.#complaints.set(part, text)
    this.#world.failed('configmap')
    this.#world.log.error(text)
  }
}

/** A reader sees the old file or the new one, never a part. Throws Error with the path. */
function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(temporary, text)
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    // A file that is a mount of its own cannot be replaced, only written to.
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return writeFileSync(path, text)
    throw new Error(`cannot write ${path}: ${messageOf(error)}; -conf names where the Corefile goes`, { cause: error })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
