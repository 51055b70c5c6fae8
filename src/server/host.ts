import { randomFillSync, randomInt } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import { parseResolvConf } from '../upstream/resolv-conf.ts'
import type { Name } from '../wire/name.ts'
import { systemProfiler } from './profiler.ts'
import { HttpGetter } from './http-get.ts'
import type { Files, Host, InterfaceAddress, Random } from '../core/env.ts'

/** For the URL asked last: mostly there is one only. */
let getter: HttpGetter | undefined

/** The machine, for stages. */
export const systemHost: Host = {
  name: hostname(),
  addresses,
  environment: (name) => process.env[name],
  httpGet(url, timeoutMs) {
    if (getter?.url !== url) {
      getter?.close()
      getter = new HttpGetter(url)
    }
    return getter.get(timeoutMs)
  },
  profiler: systemProfiler,
}

export const systemFiles: Files = {
  resolve: (path) => resolve(path),
  read: (path) => readFileSync(path),
  stat(path) {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined) return undefined
    return { mtimeMs: found.mtimeMs, sizeBytes: found.size, directory: found.isDirectory() }
  },
}

export const systemRandom: Random = {
  float: Math.random,
  int: (limit) => (limit > 2 ** 32 ? randomInt(limit) : smallInt(limit)),
}

/** Asking the system for each number costs more than most of what a question to an upstream takes. */
const pool = new Uint32Array(1024)
let pooled = 0

/** Uniform: numbers of the last, incomplete row of `limit` are drawn again. */
function smallInt(limit: number): number {
  const bound = 2 ** 32 - (2 ** 32 % limit)
  for (;;) {
    if (pooled === 0) {
      randomFillSync(pool)
      pooled = pool.length
    }
    const drawn = pool[--pooled]!
    // What has been drawn is nobody else's to see.
    pool[pooled] = 0
    if (drawn < bound) return drawn % limit
  }
}

/** Empty where there is no resolv.conf. */
export function hostSearchPath(): readonly Name[] {
  const path = '/etc/resolv.conf'
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? parseResolvConf(readFileSync(path, 'utf8')).search : []
}

/** What else stands on `lo` is no loopback address: a node agent's, or a Service's in IPVS mode. */
function addresses(): InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([link, entries]) =>
    (entries ?? []).map((entry) => ({ link, address: entry.address, loopback: entry.address === '::1' || entry.address.startsWith('127.') })))
}
