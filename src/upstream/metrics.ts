import { BUCKETS, type Counter, type Histogram, type Metrics } from '../core/metrics.ts'

/** The `coredns_proxy_*` series. Series are few: upstreams times rcodes. */
export interface UpstreamMetrics {
  duration(to: string, rcode: string): Histogram
  healthFailures(to: string): Counter
  connection(to: string, network: string, reused: boolean): Counter
}

export function upstreamMetrics(metrics: Metrics, proxyName: string): UpstreamMetrics {
  const durations = metrics.histogram('coredns_proxy_request_duration_seconds', 'Histogram of the time each request took.', BUCKETS.TB, ['proxy_name', 'to', 'rcode'])
  const failures = metrics.counter('coredns_proxy_healthcheck_failures_total', 'Counter of the number of failed healthchecks.', ['proxy_name', 'to'])
  const hits = metrics.counter('coredns_proxy_conn_cache_hits_total', 'Counter of connection cache hits per upstream and protocol.', ['proxy_name', 'to', 'proto'])
  const misses = metrics.counter('coredns_proxy_conn_cache_misses_total', 'Counter of connection cache misses per upstream and protocol.', ['proxy_name', 'to', 'proto'])
  return {
    duration: (to, rcode) => durations.with(proxyName, to, rcode),
    healthFailures: (to) => failures.with(proxyName, to),
    connection: (to, network, reused) => (reused ? hits : misses).with(proxyName, to, network),
  }
}
