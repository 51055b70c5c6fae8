import { sleep, type Timer } from '../../base/clock.ts'
import { formatDuration } from '../../base/duration.ts'
import { applyOptions, checkCount, duration, initialValues, placeOf } from '../../corefile/options.ts'
import { requireHostPort } from '../../corefile/host-port.ts'
import type { Env, HttpEndpoint } from '../../core/env.ts'
import { BUCKETS, type Counter, type Histogram, type Metrics } from '../../core/metrics.ts'
import type { Plugin, Stage } from '../../core/plugin.ts'

const DEFAULT_ADDRESS = ':8080'
const PROBE_EVERY_MS = 1000
const PROBE_TIMEOUT_MS = 3000

const HEALTH_TABLE = {
  lameduck: duration({ initial: 0, help: 'how long to go on serving after the order to stop, with /health still OK (default 0s)' }),
}

interface HealthOptions {
  readonly address: string
  readonly lameduckMs: number
}

export const healthPlugin: Plugin = {
  name: 'health',
  options: HEALTH_TABLE,
  series: (metrics) => void healthSeries(metrics),
  parse(directive) {
    // Several uses make one endpoint; the last word counts.
    let address = DEFAULT_ADDRESS
    const values = initialValues(HEALTH_TABLE)
    for (const line of directive.lines) {
      checkCount(line.args, 0, 1, placeOf('health', line.token))
      if (line.args[0] !== undefined) address = line.args[0].text
      requireHostPort(address, line.args[0] ?? line.token, 'health')
      applyOptions(line.block ?? [], HEALTH_TABLE, 'health', values)
    }
    return { build: (env) => new Health(env, { address, lameduckMs: values.lameduck }) }
  },
}

function healthSeries(metrics: Metrics): { durations: Histogram; failures: Counter } {
  return {
    durations: metrics.histogram('coredns_health_request_duration_seconds', 'Histogram of the time (in seconds) each request took.', BUCKETS.SLIM).with(),
    failures: metrics.counter('coredns_health_request_failures_total', 'The number of times the health check failed.').with(),
  }
}

/** `GET /health` says OK as long as the process runs; a probe of ourselves shows when the process is too busy to. */
class Health implements Stage {
  readonly name = 'health'
  readonly #env: Env
  readonly #options: HealthOptions
  readonly #durations: Histogram
  readonly #failures: Counter
  #endpoint: HttpEndpoint | undefined
  #timer: Timer | undefined

  constructor(env: Env, options: HealthOptions) {
    this.#env = env
    this.#options = options
    const { durations, failures } = healthSeries(env.metrics)
    this.#durations = durations
    this.#failures = failures
  }

  async start(): Promise<void> {
    this.#endpoint = await this.#env.http.serve(this.#options.address, '/health', () => ({ status: 200, body: 'OK' }))
    this.#timer = this.#env.clock.every(PROBE_EVERY_MS, () => void this.#probe())
  }

  async drain(): Promise<void> {
    const { lameduckMs } = this.#options
    if (lameduckMs === 0) return
    this.#env.log.info(`Going into lameduck mode for ${formatDuration(lameduckMs)}`)
    await sleep(this.#env.clock, lameduckMs)
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    await this.#endpoint?.close()
  }

  async #probe(): Promise<void> {
    const url = this.#url()
    const start = this.#env.clock.nowMs()
    try {
      await this.#env.host.httpGet(url, PROBE_TIMEOUT_MS)
    } catch (error) {
      this.#failures.add()
      this.#env.log.warning(`Local health request to "${url}" failed: ${error instanceof Error ? error.message : String(error)}`)
    }
    const tookMs = this.#env.clock.nowMs() - start
    this.#durations.observe(tookMs / 1000)
    if (tookMs > 1000) this.#env.log.warning(`Local health request to "${url}" took more than 1s: ${formatDuration(tookMs)}`)
  }

  #url(): string {
    const host = this.#options.address.slice(0, this.#options.address.lastIndexOf(':'))
    return `http://${host === '' ? 'localhost' : host}:${this.#endpoint!.port}/health`
  }
}
