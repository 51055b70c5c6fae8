import type { Counter, Gauge, Metrics } from '../../core/metrics.ts'

/** The `coredns_cache_*` handles of one listener group. */
export interface CacheMetrics {
  readonly requests: Counter
  readonly misses: Counter
  readonly successHits: Counter
  readonly denialHits: Counter
  readonly prefetches: Counter
  readonly drops: Counter
  readonly servedStale: Counter
  readonly successEvictions: Counter
  readonly denialEvictions: Counter
  sizes(success: number, denial: number): void
}

/** Series appear with their first event, as CoreDNS's do. `zones` is the label of the cache's zones. */
export function cacheMetrics(metrics: Metrics, zones: string, view: string): (server: { readonly label: string }) => CacheMetrics {
  const plain = ['server', 'zones', 'view']
  const typed = ['server', 'type', 'zones', 'view']
  const requests = metrics.counter('coredns_cache_requests_total', 'The count of cache requests.', plain)
  const misses = metrics.counter('coredns_cache_misses_total', 'The count of cache misses. Deprecated, derive misses from cache hits/requests counters.', plain)
  const hits = metrics.counter('coredns_cache_hits_total', 'The count of cache hits.', typed)
  const prefetches = metrics.counter('coredns_cache_prefetch_total', 'The number of times the cache has prefetched a cached item.', plain)
  const drops = metrics.counter('coredns_cache_drops_total', 'The number responses that are not cached, because the reply is malformed.', plain)
  const stale = metrics.counter('coredns_cache_served_stale_total', 'The number of requests served from stale cache entries.', plain)
  const evictions = metrics.counter('coredns_cache_evictions_total', 'The count of cache evictions.', typed)
  const entries = metrics.gauge('coredns_cache_entries', 'The number of elements in the cache.', typed)
  return ({ label }) => ({
    requests: lazily(() => requests.with(label, zones, view)),
    misses: lazily(() => misses.with(label, zones, view)),
    successHits: lazily(() => hits.with(label, 'success', zones, view)),
    denialHits: lazily(() => hits.with(label, 'denial', zones, view)),
    prefetches: lazily(() => prefetches.with(label, zones, view)),
    drops: lazily(() => drops.with(label, zones, view)),
    servedStale: lazily(() => stale.with(label, zones, view)),
    successEvictions: lazily(() => evictions.with(label, 'success', zones, view)),
    denialEvictions: lazily(() => evictions.with(label, 'denial', zones, view)),
    sizes: sizesInto(() => [entries.with(label, 'success', zones, view), entries.with(label, 'denial', zones, view)]),
  })
}

function sizesInto(make: () => readonly [Gauge, Gauge]): CacheMetrics['sizes'] {
  let gauges: readonly [Gauge, Gauge] | undefined
  return (success, denial) => {
    gauges ??= make()
    gauges[0].set(success)
    gauges[1].set(denial)
  }
}

function lazily(make: () => Counter): Counter {
  let counter: Counter | undefined
  return {
    add(n) {
      counter ??= make()
      counter.add(n)
    },
    get value() {
      return counter?.value ?? 0
    },
  }
}
