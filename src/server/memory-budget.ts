import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'

const MIB = 1024 * 1024
const NO_LIMIT_BYTES = 2 ** 60
/** How much larger than what lives in it the heap may get between collections. */
const GROWTH_PERCENT = 30
/** What the program needs before it has done anything: heap, packet workers and the metrics that it will have. Program text is not counted. */
const BASE_BYTES = 48 * MIB
/** Octets of a query that waits for its upstream, and of a TCP client with what it has not read yet, as measured. */
const QUERY_BYTES = 4 * 1024
const CONNECTION_BYTES = 16 * 1024
/** Of what is left beside the base. The rest is for the index of the cluster, and for what garbage collection has not come to. */
const SHARES = { caches: 0.35, queries: 0.15, connections: 0.1, streams: 0.05 } as const
const MOST = { queries: 10_000, connections: 4096, streamBytes: 64 * MIB } as const
const LEAST = { caches: 2 * MIB, queries: 256, connections: 32, streams: 512 * 1024 } as const

/** What the parts of the program may hold. */
export interface MemoryPlan {
  /** Octets of all caches together. */
  readonly cacheBytes: number
  /** Queries under way. */
  readonly queries: number
  /** TCP clients of one listener. */
  readonly connections: number
  /** Octets that their half questions and unread answers take, all together. */
  readonly streamBytes: number
}

/** Divides a budget; Infinity leaves every part at its own bound. */
export function planMemory(budgetBytes: number): MemoryPlan {
  if (budgetBytes === Infinity) return { cacheBytes: Infinity, ...MOST }
  const left = Math.max(0, budgetBytes - BASE_BYTES)
  const count = (share: number, bytes: number, least: number, most: number) => Math.min(most, Math.max(least, Math.floor((left * share) / bytes)))
  return {
    cacheBytes: Math.max(LEAST.caches, Math.floor(left * SHARES.caches)),
    queries: count(SHARES.queries, QUERY_BYTES, LEAST.queries, MOST.queries),
    connections: count(SHARES.connections, CONNECTION_BYTES, LEAST.connections, MOST.connections),
    streamBytes: count(SHARES.streams, 1, LEAST.streams, MOST.streamBytes),
  }
}

/**
 * V8 lets the heap grow to several times of what lives in it before it collects again, as if memory were free. With a budget it is not:
 * under 11,000 misses a second this takes 160 instead of 225 MB, for a few more collections. V8 looks at the flag at each of them.
 */
export function keepHeapTight(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
}

/** The memory limit of this process's cgroup, of either version; Infinity without one. */
export function cgroupLimit(files: readonly string[] = limitFiles(read('/proc/self/cgroup') ?? '')): number {
  return Math.min(...files.map((file) => readLimit(read(file) ?? '')))
}

/** Where the limit may be: a container sees its own group as the root, a process outside of one is told its path (`/proc/self/cgroup`). */
export function limitFiles(groups: string): string[] {
  const path = (pattern: RegExp) => pattern.exec(groups)?.[1] ?? '/'
  return [
    ...new Set(['/', path(/^0::(.*)$/m)].map((group) => join('/sys/fs/cgroup', group, 'memory.max'))),
    ...new Set(['/', path(/^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m)].map((group) => join('/sys/fs/cgroup/memory', group, 'memory.limit_in_bytes'))),
  ]
}

/** Undefined where there is no such file: with the other version of cgroups, say. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Octets; `max`, or for version 1 a number larger than any memory, is no limit. */
export function readLimit(text: string): number {
  const bytes = Number(text.trim())
  return bytes > 0 && bytes < NO_LIMIT_BYTES ? bytes : Infinity
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 1024, Mi: MIB, Gi: 1024 * MIB }

/** A quantity as Kubernetes writes it: `256Mi`, `1Gi`, `300M`, octets. Undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(k|M|G|Ki|Mi|Gi)?$/.exec(text) ?? []
  const bytes = digits === undefined ? 0 : Math.floor(Number(digits) * UNITS[unit ?? '']!)
  return bytes > 0 ? bytes : undefined
}

export function describePlan(budgetBytes: number, plan: MemoryPlan): string {
  const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`
  return `memory budget ${mib(budgetBytes)}: caches ${mib(plan.cacheBytes)}, ${plan.queries} queries under way, ${plan.connections} TCP clients per listener`
}
