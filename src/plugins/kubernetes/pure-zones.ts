import { canBePure } from '../../cluster/purity.ts'
import type { Env } from '../../core/env.ts'
import { isSubdomain, type Name } from '../../wire/name.ts'
import type { KubernetesOptions } from './options.ts'

/** Stages through which a denial comes to every client as it is. All others may answer, change or choose. */
const TRANSPARENT = new Set([
  'kubernetes', 'bufsize', 'cache', 'cancel', 'debug', 'errors', 'forward', 'health', 'loadbalance', 'log', 'loop', 'metadata', 'minimal', 'multisocket',
  'pprof', 'prometheus', 'ready', 'reload', 'root', 'timeouts', 'trace', 'whoami',
])

/** The zones of the stage in which nothing but the index decides which names exist. */
export function pureZones(env: Env, { zones, fallthrough }: KubernetesOptions): ReadonlySet<Name> {
  const passed = fallthrough?.length === 0 ? ['.'] : fallthrough ?? []
  if (!env.siblings().every((stage) => TRANSPARENT.has(stage.name))) return new Set()
  const elsewhere = [...passed, ...env.block.otherZones()]
  return new Set(zones.filter((zone) => canBePure(zone)
    && !passed.some((other) => isSubdomain(zone, other))
    && !elsewhere.some((other) => isSubdomain(other, zone))
    && !zones.some((other) => other !== zone && isSubdomain(other, zone))))
}
