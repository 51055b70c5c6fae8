import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Processors that this process may use: what its cgroup's quota gives, at most what the machine has, at least one. */
export function processors(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(readQuota(textOf('/sys/fs/cgroup/cpu.max')))))
}

/** `cpu.max` of a cgroup (version 2): quota and period in microseconds, or `max`. Infinity without a quota. */
export function readQuota(text: string): number {
  const [quota, period] = text.trim().split(' ').map(Number)
  if (quota === undefined || period === undefined || !(quota > 0) || !(period > 0)) return Infinity
  return quota / period
}

/** Outside of a container, or with cgroups of the first version, there is no such file. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
