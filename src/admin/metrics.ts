import { Registry, collectDefaultMetrics, type Metric } from 'prom-client'
import type { Counter, Exemplar, Family, Gauge, Histogram, Metrics, MetricsFormat } from '../core/metrics.ts'

/** Series a family may have; what comes later is counted in one series whose labels all read `other`. */
const SERIES_LIMIT = 2000

/** How often the event loop's lag is looked at. Each look wakes the process: every 10 ms, as by default, cost half a percent of a core. */
const LAG_LOOK_MS = 1000

type Kind = 'counter' | 'gauge' | 'histogram'

interface Sample {
  readonly value: number
  readonly labels: Readonly<Record<string, string>>
  readonly metricName?: string
  /** prom-client's form. */
  readonly exemplar?: { readonly labelSet: Exemplar; readonly value: number; readonly timestamp: number }
}

/** Handles for stages on one side, prom-client's registry and exposition on the other. */
export class MetricsRegistry implements Metrics {
  readonly registry = new Registry()
  readonly #families = new Map<string, SeriesFamily<Series>>()
  readonly #before: (() => void)[] = []

  constructor(options: { readonly processMetrics: boolean } = { processMetrics: false }) {
    if (options.processMetrics) collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: LAG_LOOK_MS })
  }

  counter(name: string, help: string, labels: readonly string[] = []): Family<Counter> {
    return this.#family(name, help, 'counter', labels, () => new Scalar())
  }

  gauge(name: string, help: string, labels: readonly string[] = []): Family<Gauge> {
    return this.#family(name, help, 'gauge', labels, () => new Scalar())
  }

  histogram(name: string, help: string, buckets: readonly number[], labels: readonly string[] = []): Family<Histogram> {
    return this.#family(name, help, 'histogram', labels, () => new Distribution(buckets))
  }

  /** Calls `fn` before numbers are shown: what is counted elsewhere is added up then. */
  beforeExpose(fn: () => void): void {
    this.#before.push(fn)
  }

  /** Of all series of a counter or gauge; 0 for a family that does not exist. */
  sum(name: string): number {
    return this.#families.get(name)?.sum() ?? 0
  }

  /** Everything as text. */
  expose(format: MetricsFormat = 'text'): Promise<string> {
    for (const fn of this.#before) fn()
    if (format === 'text') return this.registry.metrics()
    // A registry has one format; another one over the same metrics costs nothing worth keeping it for.
    const openMetrics = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
    openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    for (const metric of this.registry.getMetricsAsArray()) openMetrics.registerMetric(metric as unknown as Metric)
    return openMetrics.metrics()
  }

  #family<T extends Series>(name: string, help: string, kind: Kind, labels: readonly string[], make: () => T): SeriesFamily<T> {
    const known = this.#families.get(name)
    if (known !== undefined) return known as SeriesFamily<T>
    // prom-client asks a metric for its name and its samples only; the handles below keep the numbers. A family without series is not
    // shown, as in CoreDNS.
    const family: SeriesFamily<T> = new SeriesFamily(name, help, kind, labels, make, (shown) => {
      if (shown) this.registry.registerMetric(family as unknown as Metric)
      else this.registry.removeSingleMetric(name)
    })
    this.#families.set(name, family)
    if (labels.length === 0) family.with()
    return family
  }
}

interface Series {
  samples(name: string, labels: Readonly<Record<string, string>>): Sample[]
}

class SeriesFamily<T extends Series> implements Family<T> {
  readonly name: string
  readonly help: string
  readonly type: Kind
  readonly aggregator = 'sum'
  readonly #labels: readonly string[]
  readonly #make: () => T
  readonly #show: (shown: boolean) => void
  readonly #series = new Map<string, { labels: Record<string, string>; series: T }>()

  constructor(name: string, help: string, kind: Kind, labels: readonly string[], make: () => T, show: (shown: boolean) => void) {
    this.name = name
    this.help = help
    this.type = kind
    this.#labels = labels
    this.#make = make
    this.#show = show
  }

  with(...values: string[]): T {
    if (values.length !== this.#labels.length) throw new Error(`${this.name} has labels ${this.#labels.join(', ')}; got ${values.length} values`)
    const key = values.join('\u0000')
    const known = this.#series.get(key)
    if (known !== undefined) return known.series
    if (this.#series.size >= SERIES_LIMIT && values.some((value) => value !== 'other')) return this.with(...values.map(() => 'other'))
    const series = this.#make()
    // Labels are shown in alphabetical order, as Go's client shows them.
    const pairs = this.#labels.map((label, i): [string, string] => [label, values[i]!]).sort(([a], [b]) => (a < b ? -1 : 1))
    this.#series.set(key, { labels: Object.fromEntries(pairs), series })
    if (this.#series.size === 1) this.#show(true)
    return series
  }

  remove(...values: string[]): void {
    if (this.#series.delete(values.join('\u0000')) && this.#series.size === 0) this.#show(false)
  }

  clear(): void {
    if (this.#series.size > 0) this.#show(false)
    this.#series.clear()
    if (this.#labels.length === 0) this.with()
  }

  sum(): number {
    let sum = 0
    for (const { series } of this.#series.values()) if (series instanceof Scalar) sum += series.value
    return sum
  }

  /** What prom-client calls to expose the family. */
  get(): Promise<{ name: string; help: string; type: Kind; aggregator: string; values: Sample[] }> {
    const values = [...this.#series.values()].flatMap(({ labels, series }) => series.samples(this.name, labels))
    return Promise.resolve({ name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values })
  }

  /** Part of prom-client's contract; our numbers are never reset. */
  reset(): void {}
}

class Scalar implements Counter, Gauge, Series {
  value = 0

  add(n = 1): void {
    this.value += n
  }

  set(value: number): void {
    this.value = value
  }

  samples(_name: string, labels: Readonly<Record<string, string>>): Sample[] {
    return [{ value: this.value, labels }]
  }
}

class Distribution implements Histogram, Series {
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0
  /** The last of each bucket. */
  #exemplars: Sample['exemplar'][] | undefined

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number, exemplar?: Exemplar): void {
    let i = 0
    while (i < this.#bounds.length && value > this.#bounds[i]!) i++
    this.#counts[i]!++
    this.#sum += value
    if (exemplar !== undefined) (this.#exemplars ??= [])[i] = { labelSet: exemplar, value, timestamp: Date.now() / 1000 }
  }

  merge(counts: ArrayLike<number>, sum: number): void {
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i]! += counts[i] ?? 0
    this.#sum += sum
  }

  samples(name: string, labels: Readonly<Record<string, string>>): Sample[] {
    let total = 0
    const samples: Sample[] = []
    this.#counts.forEach((count, i) => {
      total += count
      const le = i < this.#bounds.length ? String(this.#bounds[i]) : '+Inf'
      const exemplar = this.#exemplars?.[i]
      samples.push({ value: total, labels: { ...labels, le }, metricName: `${name}_bucket`, ...(exemplar === undefined ? {} : { exemplar }) })
    })
    samples.push({ value: this.#sum, labels, metricName: `${name}_sum` }, { value: total, labels, metricName: `${name}_count` })
    return samples
  }
}
