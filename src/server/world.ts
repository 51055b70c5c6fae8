import { systemClock } from '../base/clock.ts'
import { makeLog, type Sink } from '../base/log.ts'
import { HttpServers } from '../admin/http.ts'
import { MetricsRegistry } from '../admin/metrics.ts'
import { Traffic } from '../admin/traffic/traffic.ts'
import { Admission } from './admission.ts'
import { EchoedOptions } from './finish.ts'
import { hostSearchPath, systemFiles, systemHost, systemRandom } from './host.ts'
import { KeepsakeStore } from './keepsakes.ts'
import { SelfProbe } from './self-probe.ts'
import type { ServerWorld } from './server.ts'
import { SocketMark } from './socket-mark.ts'

/** Queries under way in the process at once. At some 4 KiB each this bounds them to about 40 MiB. */
const UNDER_WAY_LIMIT = 10_000

export interface SystemWorld extends ServerWorld {
  readonly http: HttpServers
  readonly echoed: EchoedOptions
  readonly metrics: MetricsRegistry
  readonly selfProbe: SelfProbe
  readonly traffic: Traffic
}

/** The real world for one process. `fatal` ends it. */
export function openSystemWorld(options: { readonly sink: Sink; readonly exit: (status: number) => void }): SystemWorld {
  let debug = false
  const log = makeLog(options.sink, () => debug)
  const metrics = new MetricsRegistry({ processMetrics: true })
  const panics = metrics.counter('coredns_panics_total', 'A metrics that counts the number of panics.').with()
  const echoed = new EchoedOptions()
  const selfProbe = new SelfProbe()
  const traffic = new Traffic(systemClock, systemRandom)
  return {
    log,
    clock: systemClock,
    random: systemRandom,
    metrics,
    files: systemFiles,
    http: new HttpServers(log),
    host: systemHost,
    shared: new Map(),
    exposeMetrics: () => metrics.expose(),
    hostSearchPath,
    keepsakes: new KeepsakeStore(),
    admission: new Admission(UNDER_WAY_LIMIT, metrics),
    echoed,
    socketMark: new SocketMark(),
    selfProbe,
    traffic,
    group: {
      selfProbe,
      traffic,
      metrics,
      echoed,
      unsendable: (q, error) => log.error(`reply to ${q.asked.name} cannot be encoded: ${String(error)}`),
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
