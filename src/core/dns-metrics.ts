import { typeName } from '../wire/codes.ts'
import { BUCKETS, type Counter, type Family, type Histogram, type Metrics } from './metrics.ts'
import type { Query } from './query.ts'

/** The request series of specification section 5, shared by `prometheus` and by the server's own refusals. */
export interface DnsMetrics {
  readonly requests: Family<Counter>
  readonly durations: Family<Histogram>
  readonly requestSizes: Family<Histogram>
  readonly doRequests: Family<Counter>
  readonly responseSizes: Family<Histogram>
  readonly responses: Family<Counter>
}

export function dnsMetrics(metrics: Metrics): DnsMetrics {
  const where = ['server', 'zone', 'view']
  return {
    requests: metrics.counter('coredns_dns_requests_total', 'Counter of DNS requests made per zone, protocol and family.', [...where, 'proto', 'family', 'type']),
    durations: metrics.histogram('coredns_dns_request_duration_seconds', 'Histogram of the time (in seconds) each request took per zone.', BUCKETS.TB, where),
    requestSizes: metrics.histogram('coredns_dns_request_size_bytes', 'Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.', BUCKETS.SIZE, [...where, 'proto']),
    doRequests: metrics.counter('coredns_dns_do_requests_total', 'Counter of DNS requests with DO bit set per zone.', where),
    responseSizes: metrics.histogram('coredns_dns_response_size_bytes', 'Size of the returned response in bytes.', BUCKETS.SIZE, [...where, 'proto']),
    responses: metrics.counter('coredns_dns_responses_total', 'Counter of response status codes.', [...where, 'rcode', 'plugin']),
  }
}

/** Types that have a `type` label of their own. */
export const COUNTED_TYPES = [
  'A', 'AAAA', 'CNAME', 'DNSKEY', 'DS', 'MX', 'NSEC3', 'NSEC', 'NS', 'PTR', 'RRSIG', 'SOA', 'SRV', 'TXT', 'HTTPS', 'SVCB', 'IXFR', 'AXFR', 'ANY',
] as const
const COUNTED = new Set<string>(COUNTED_TYPES)

/** The `type` label: a bounded set of mnemonics, everything else is `other`. */
export function typeLabel(qtype: number): string {
  const name = typeName(qtype)
  return COUNTED.has(name) ? name : 'other'
}

export function familyLabel(q: Pick<Query, 'client'>): string {
  return q.client.family === 1 ? '1' : '2'
}
