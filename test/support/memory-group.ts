import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where groups are, and what their limit, their peak and their count of kills are called, by version. */
const VERSIONS = [
  { root: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes', peak: 'memory.max_usage_in_bytes', events: 'memory.oom_control' },
  { root: '/sys/fs/cgroup', limit: 'memory.max', peak: 'memory.peak', events: 'memory.events' },
] as const

export interface MemoryGroup {
  readonly folder: string
  /** Octets at most so far, the kernel's own for its processes included. */
  peak(): number
  /** Processes that were killed for want of memory. */
  kills(): number
  /** To be called when it is empty. */
  remove(): void
}

let groups = 0

/** A new cgroup with a limit of memory, of either version; undefined where we may not make one. */
export function memoryGroup(limitBytes: number): MemoryGroup | undefined {
  const name = `hearth-test-${process.pid}-${groups++}`
  for (const { root, limit, peak, events } of VERSIONS) {
    const folder = join(root, name)
    try {
      mkdirSync(folder)
      if (existsSync(join(folder, limit))) {
        writeFileSync(join(folder, limit), String(limitBytes))
        return {
          folder,
          peak: () => Number(readFileSync(join(folder, peak), 'utf8')),
          kills: () => Number(/^oom_kill (\d+)/m.exec(readFileSync(join(folder, events), 'utf8'))?.[1] ?? 0),
          remove: () => rmdirSync(folder),
        }
      }
      rmdirSync(folder)
    } catch (error) {
      // Not our machine to make groups on: the caller says what is missing.
      if (!['EACCES', 'EROFS', 'ENOENT', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
  return undefined
}
