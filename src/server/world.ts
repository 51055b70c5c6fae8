import { systemClock } from '../base/clock.ts'
import { makeLog, type Sink } from '../base/log.ts'
import { HttpServers } from '../admin/http.ts'
import { MetricsRegistry } from '../admin/metrics.ts'
import { Traffic } from '../admin/traffic/traffic.ts'
import { Admission } from './admission.ts'
import { openEngine, type EngineOptions } from './engines.ts'
import { EchoedOptions } from './finish.ts'
import { hostSearchPath, systemFiles, systemHost, systemRandom } from './host.ts'
import { KeepsakeStore } from './keepsakes.ts'
import { planMemory, type MemoryPlan } from './memory-budget.ts'
import { portTaken } from './port-holder.ts'
import { SelfProbe } from './self-probe.ts'
import { ByteBudget } from '../core/byte-budget.ts'
import { NO_PACKET_CACHE } from '../core/quick.ts'
import type { ServerWorld } from './server.ts'
import { SocketMark } from './socket-mark.ts'
import { SystemStreams } from './streams.ts'
import { zipkinSpans } from './zipkin-spans.ts'

export interface SystemWorld extends ServerWorld {
  readonly http: HttpServers
  readonly echoed: EchoedOptions
  readonly metrics: MetricsRegistry
  readonly selfProbe: SelfProbe
  readonly traffic: Traffic
}

export interface SystemOptions {
  readonly sink: Sink
  readonly exit: (status: number) => void
  readonly engine: EngineOptions
  /** Default: no budget. */
  readonly memory?: MemoryPlan
}

/** The real world for one process. `fatal` ends it. Throws when the engine asked for cannot be had. */
export function openSystemWorld(options: SystemOptions): SystemWorld {
  let debug = false
  const log = makeLog(options.sink, () => debug)
  const metrics = new MetricsRegistry({ processMetrics: true })
  const panics = metrics.counter('coredns_panics_total', 'A metrics that counts the number of panics.').with()
  const echoed = new EchoedOptions()
  const selfProbe = new SelfProbe()
  const traffic = new Traffic(systemClock, systemRandom)
  const memory = options.memory ?? planMemory(Infinity)
  const admission = new Admission(memory, metrics, systemClock, systemRandom)
  const socketMark = new SocketMark()
  const engine = openEngine(options.engine, { log, clock: systemClock, admission, socketMark, traffic }, metrics)
  return {
    log,
    clock: systemClock,
    random: systemRandom,
    metrics,
    files: systemFiles,
    http: new HttpServers(log, (error, host, port) => portTaken(error, 'tcp', host, port, 'in the Corefile')),
    host: systemHost,
    spans: zipkinSpans(log),
    streams: new SystemStreams(),
    shared: new Map(),
    exposeMetrics: (format) => metrics.expose(format),
    hostSearchPath,
    keepsakes: new KeepsakeStore(),
    admission,
    engine,
    packets: engine.packets ?? NO_PACKET_CACHE,
    cacheBudget: new ByteBudget(memory.cacheBytes),
    echoed,
    socketMark,
    selfProbe,
    traffic,
    group: {
      selfProbe,
      traffic,
      metrics,
      echoed,
      unsendable: (q, error) => log.error(`reply to ${q.asked.name} cannot be encoded: ${String(error)}`),
      quickFailed(error) {
        panics.add()
        log.error(`Recovered from panic on the quick way: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      },
      packets: engine.packets,
    },
    setDebug: (on) => { debug = on },
    fatal(text) {
      log.fatal(text)
      options.exit(1)
    },
    panic(q, stage, error) {
      panics.add()
      const trace = error instanceof Error && debug ? `\n${error.stack}` : ''
      log.error(`Recovered from panic in server: "${q.server.label}" plugin/${stage.name}: ${String(error)}${trace}`)
    },
  }
}
