import type { MetricsRegistry } from '../admin/metrics.ts'
import { isAvailable, type Libc, type NotAvailable } from '../native/libc.ts'
import { MmsgEngine } from './mmsg/mmsg-engine.ts'
import { dgramEngine } from './udp.ts'
import type { EngineChoice, EngineWorld, UdpEngine } from './udp-engine.ts'

export interface EngineOptions {
  readonly choice: EngineChoice
  readonly libc: Libc | NotAvailable
  /** Packet workers, where the engine has any. */
  readonly workers: number
}

/** The engine that was asked for; `auto` is the fast one where it can be had. Throws when `mmsg` is wanted and cannot be had. */
export function openEngine({ choice, libc, workers }: EngineOptions, world: EngineWorld, metrics: MetricsRegistry): UdpEngine {
  const engine = choose(choice, libc, workers, world, metrics)
  metrics.gauge('hearth_engine_info', 'A metric with a constant value of 1, labeled by the engine that receives UDP.', ['engine']).with(engine.name).set(1)
  return engine
}

function choose(choice: EngineChoice, libc: Libc | NotAvailable, workers: number, world: EngineWorld, metrics: MetricsRegistry): UdpEngine {
  if (choice === 'dgram') return dgramEngine(world)
  if (!isAvailable(libc)) {
    if (choice === 'mmsg') throw new Error(`-engine=mmsg: ${libc.unavailable}; use -engine=auto or -engine=dgram`)
    world.log.warning(`packet workers cannot be had, UDP is slower: ${libc.unavailable}`)
    return dgramEngine(world)
  }
  const engine = new MmsgEngine(libc, world, metrics, workers)
  metrics.beforeExpose(() => engine.count())
  return engine
}
