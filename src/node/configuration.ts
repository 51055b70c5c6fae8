import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { SetupError } from './network.ts'
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

/** Keeps the Corefile what template and ConfigMap make it. A mistake in either keeps the last good one, and is said once. */
export class Configuration {
  readonly #options: ConfigurationOptions
  readonly #world: ConfigurationWorld
  #kubeDns: KubeDnsConfig = NO_KUBE_DNS
  #kubeDnsText = ''
  #written = ''
  #complaint = ''
  #timer: Timer | undefined

  constructor(options: ConfigurationOptions, world: ConfigurationWorld) {
    this.#options = options
    this.#world = world
  }

  /** Writes the first Corefile. Throws when there is no usable template; a bad ConfigMap only counts. */
  writeFirst(): void {
    this.#readKubeDns()
    this.#write()
  }

  watch(): void {
    this.#timer = this.#world.clock.every(POLL_MS, () => this.#look())
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #look(): void {
    this.#readKubeDns()
    try {
      if (this.#write()) this.#world.written()
      this.#complaint = this.#complaint.startsWith('kube-dns') ? this.#complaint : ''
    } catch (error) {
      this.#complain(`template: ${messageOf(error)}`)
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
      this.#complaint = ''
    } catch (error) {
      this.#complain(`kube-dns configuration rejected, keeping the last good one: ${messageOf(error)}`)
    }
  }

  /** True when the text is new. Atomic: a reader sees the old file or the new one. */
  #write(): boolean {
    const { template, corefile, values } = this.#options
    const text = expandTemplate(readFileSync(template, 'utf8'), values, this.#kubeDns)
    if (text === this.#written) return false
    mkdirSync(dirname(corefile), { recursive: true })
    const temporary = `${corefile}.${process.pid}.tmp`
    try {
      writeFileSync(temporary, text)
      renameSync(temporary, corefile)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
    this.#written = text
    this.#world.log.info(`wrote ${corefile}:\n${text}`)
    return true
  }

  #complain(text: string): void {
    if (text === this.#complaint) return
    this.#complaint = text
    this.#world.failed('configmap')
    this.#world.log.error(text)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
