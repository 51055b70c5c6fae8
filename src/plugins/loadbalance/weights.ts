import type { Timer } from '../../base/clock.ts'
import { formatDuration } from '../../base/duration.ts'
import { formatIp, parseIp, unmapIp } from '../../base/ip.ts'
import { ConfigError } from '../../corefile/error.ts'
import type { Env, Random } from '../../core/env.ts'
import type { ResourceRecord } from '../../wire/message.ts'
import { lowerName, parseName, type Name } from '../../wire/name.ts'
import type { LoadBalanceOptions } from './options.ts'

type Table = ReadonlyMap<Name, ReadonlyMap<string, number>>

/** A file of weights: a line with a name, then lines `ADDRESS WEIGHT`. Read again when it changes; a bad file keeps the last good one. */
export class Weights {
  readonly #env: Env
  readonly #options: LoadBalanceOptions & { policy: 'weighted' }
  #table: Table = new Map()
  #text: string | undefined
  #timer: Timer | undefined

  constructor(env: Env, options: LoadBalanceOptions & { policy: 'weighted' }) {
    this.#env = env
    this.#options = options
  }

  /** Throws ConfigError unless the file is only missing and will be looked at again. */
  start(): void {
    const { reloadMs, file, token } = this.#options
    try {
      this.#read()
    } catch (error) {
      const missing = (error as { code?: string }).code === 'ENOENT'
      if (!missing || reloadMs === 0) throw new ConfigError(token, 'loadbalance', error instanceof Error ? error.message : String(error))
      this.#env.log.warning(`Failed to open weight file:${file}. Will try again in ${formatDuration(reloadMs)}`)
    }
    if (reloadMs > 0) this.#timer = this.#env.clock.every(reloadMs, () => this.#reload())
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** Index of the address to put first, by chance in proportion to the weights; an address without one has 1. */
  choose(addresses: readonly ResourceRecord[], random: Random): number {
    const weights = addresses.map((record) => this.#table.get(lowerName(record.name))?.get(formatIp(record.rdata)) ?? 1)
    let left = random.float() * weights.reduce((sum, weight) => sum + weight, 0)
    for (const [i, weight] of weights.entries()) {
      left -= weight
      if (left < 0) return i
    }
    return 0
  }

  #reload(): void {
    try {
      this.#read()
    } catch (error) {
      this.#env.log.error(`${error instanceof Error ? error.message : String(error)}; keeping the previous weights`)
    }
  }

  #read(): void {
    const { file } = this.#options
    const text = new TextDecoder().decode(this.#env.files.read(this.#env.files.resolve(file)))
    if (text === this.#text) return
    this.#table = parseWeights(text, file)
    this.#text = text
    this.#env.log.info(`Successfully reloaded weight file ${file}`)
  }
}

/** Throws Error that names the file and the line. */
export function parseWeights(text: string, file: string): Table {
  const table = new Map<Name, Map<string, number>>()
  let current: Map<string, number> | undefined
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const fields = line.split(/\s+/)
    const place = `weight file ${file}:${i + 1}`
    if (fields.length === 1) current = openName(table, fields[0]!, place)
    else if (fields.length === 2) addWeight(current, fields[0]!, fields[1]!, place)
    else throw new Error(`could not parse weight line:"${line}" in ${place}`)
  }
  return table
}

function openName(table: Map<Name, Map<string, number>>, text: string, place: string): Map<string, number> {
  const name = parseIp(text) === undefined ? parseName(text) : undefined
  if (name === undefined) throw new Error(`wrong domain name:"${text}" in ${place}. (Maybe a missing weight value?)`)
  const weights = table.get(lowerName(name)) ?? new Map<string, number>()
  table.set(lowerName(name), weights)
  return weights
}

function addWeight(weights: Map<string, number> | undefined, address: string, weight: string, place: string): void {
  const ip = parseIp(address)
  if (ip === undefined) throw new Error(`wrong IP address:"${address}" in ${place}`)
  if (!/^\d{1,3}$/.test(weight) || Number(weight) < 1 || Number(weight) > 255) throw new Error(`wrong weight value:"${weight}" in ${place}; 1 to 255 wanted`)
  if (weights === undefined) throw new Error(`missing domain name in ${place}`)
  weights.set(formatIp(unmapIp(ip)), Number(weight))
}
