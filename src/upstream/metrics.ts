import { BUCKETS, type Counter, type Histogram, type Metrics } from '../core/metrics.ts'
import { rcodeName } from '../wire/codes.ts'

/** The `coredns_proxy_*` series of one upstream; handles are taken with the first event of their kind. */
export interface UpstreamMetrics {
  /** A reply came. `network`: udp, tcp or tcp-tls. */
  exchanged(network: string, reused: boolean, rcode: number, tookMs: number): void
  healthFailed(): void
}

/** By the upstream's label. */
export type UpstreamMetricsOf = (to: string) => UpstreamMetrics

export function upstreamMetrics(metrics: Metrics, proxyName: string): UpstreamMetricsOf {
  const durations = metrics.histogram('coredns_proxy_request_duration_seconds', 'Histogram of the time each request took.', BUCKETS.TB, ['proxy_name', 'to', 'rcode'])
  const failures = metrics.counter('coredns_proxy_healthcheck_failures_total', 'Counter of the number of failed healthchecks.', ['proxy_name', 'to'])
  // The name of CoreDNS before 1.11, which dashboards still ask for.
  const formerFailures = proxyName === 'forward' ? metrics.counter('coredns_forward_healthcheck_failures_total', 'Counter of the number of failed healthchecks.', ['to']) : undefined
  const hits = metrics.counter('coredns_proxy_conn_cache_hits_total', 'Counter of connection cache hits per upstream and protocol.', ['proxy_name', 'to', 'proto'])
  const misses = metrics.counter('coredns_proxy_conn_cache_misses_total', 'Counter of connection cache misses per upstream and protocol.', ['proxy_name', 'to', 'proto'])
  return (to) => {
    // Bounded: rcodes have 12 bits, networks are three.
    const byRcode = new Map<number, Histogram>()
    const byNetwork = new Map<string, Counter>()
    return {
      exchanged(network, reused, rcode, tookMs) {
        let duration = byRcode.get(rcode)
        if (duration === undefined) byRcode.set(rcode, duration = durations.with(proxyName, to, rcodeName(rcode)))
        duration.observe(tookMs / 1000)
        if (!reused) return misses.with(proxyName, to, network).add()
        let hit = byNetwork.get(network)
        if (hit === undefined) byNetwork.set(network, hit = hits.with(proxyName, to, network))
        hit.add()
      },
      healthFailed() {
        failures.with(proxyName, to).add()
        formerFailures?.with(to).add()
      },
    }
  }
}
