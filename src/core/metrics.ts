/**
 * Counters, gauges and histograms as stages use them: a handle is taken once and then costs an addition. Labels are never hashed
 * per query. Families belong to the process: asking again for a name gives the same family, across blocks and reloads.
 */
export interface Metrics {
  /** `name` in full, prefix included: `coredns_cache_hits_total`. */
  counter(name: string, help: string, labels?: readonly string[]): Family<Counter>
  gauge(name: string, help: string, labels?: readonly string[]): Family<Gauge>
  /** `buckets` are upper bounds in ascending order, without +Inf. */
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Family<Histogram>
}

export interface Family<T> {
  /** The handle for these label values, in the order of the family's labels. Past the family's bound all share one series. */
  with(...values: string[]): T
  /** Forgets one series. */
  remove(...values: string[]): void
  clear(): void
}

export interface Counter {
  add(n?: number): void
  readonly value: number
}

export interface Gauge {
  set(value: number): void
  add(n: number): void
  readonly value: number
}

/** How numbers are shown. OpenMetrics has exemplars. */
export type MetricsFormat = 'text' | 'openmetrics'

/** One observation that stands for its bucket, by labels: at most 128 characters together (OpenMetrics 1.0). */
export type Exemplar = Readonly<Record<string, string>>

export interface Histogram {
  /** `exemplar`: shown with the bucket until the next one. */
  observe(value: number, exemplar?: Exemplar): void
  /** Adds observations that were counted elsewhere, by bucket; the last one is for what is beyond all bounds. */
  merge(counts: ArrayLike<number>, sum: number): void
}

/** Bucket bounds of specification section 5. */
export const BUCKETS = {
  TB: [0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192],
  SLIM: [0.00025, 0.0025, 0.025, 0.25, 2.5],
  SIZE: [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000],
  DEF: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  PROG: Array.from({ length: 20 }, (_, k) => 0.001 * 2 ** k),
} as const
