import { ByteBudget } from '../core/byte-budget.ts'
import { MetricsRegistry } from '../admin/metrics.ts'
import { systemClock } from '../base/clock.ts'
import { MemoryLog } from '../base/log.ts'
import type { World } from '../core/build.ts'
import type { Host } from '../core/env.ts'
import { NO_PACKET_CACHE } from '../core/quick.ts'
import { EchoedOptions } from '../server/finish.ts'
import { hostSearchPath, systemFiles, systemHost, systemRandom } from '../server/host.ts'
import { KeepsakeStore } from '../server/keepsakes.ts'

export interface OfflineWorld extends World {
  readonly log: MemoryLog
  readonly metrics: MetricsRegistry
  readonly echoed: EchoedOptions
}

/** A world in which blocks can be built, and started, without a port being opened: for `check` and `explain` without a program. */
export function openOfflineWorld(host: Host = systemHost): OfflineWorld {
  const metrics = new MetricsRegistry()
  const log = new MemoryLog()
  return {
    log,
    metrics,
    host,
    clock: systemClock,
    random: systemRandom,
    files: systemFiles,
    echoed: new EchoedOptions(),
    packets: NO_PACKET_CACHE,
    cacheBudget: new ByteBudget(Infinity),
    keepsakes: new KeepsakeStore(),
    streams: { acknowledger: () => () => undefined },
    spans: { open: () => Promise.resolve({ begin: () => ({ traceId: '', end: () => undefined }), close: () => Promise.resolve() }) },
    shared: new Map(),
    http: { serve: () => Promise.resolve({ port: 0, close: () => Promise.resolve() }) },
    exposeMetrics: (format) => metrics.expose(format),
    hostSearchPath,
    fatal: (text) => log.fatal(text),
    panic: (_q, stage, error) => log.error(`plugin/${stage.name}: ${String(error)}`),
  }
}
