/** Writes the Grafana dashboards, manifests/observability/*-dashboard.json, from the panels below. */
import { writeFileSync } from 'node:fs'

export interface Panel {
  readonly title: string
  /** Legend → PromQL. `$instance` is the dashboard's choice. */
  readonly queries: Readonly<Record<string, string>>
  readonly unit: string
  readonly help: string
  readonly kind?: 'timeseries' | 'stat'
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly file: string
  readonly rows: Readonly<Record<string, readonly Panel[]>>
}

const of = (metric: string, more = '') => `${metric}{instance=~"$instance"${more === '' ? '' : `, ${more}`}}`
const rate = (metric: string, more = '') => `rate(${of(metric, more)}[$__rate_interval])`
const quantile = (share: number, metric: string, by = '') => `histogram_quantile(${share}, sum by (${by === '' ? '' : `${by}, `}le) (${rate(`${metric}_bucket`)}))`

const HITS = `sum(${rate('coredns_cache_hits_total')})`
const MISSES = `sum(${rate('coredns_cache_misses_total')})`

const TRAFFIC: readonly Panel[] = [
  { title: 'Queries', unit: 'reqps', help: 'By protocol.', queries: { '{{proto}}': `sum by (proto) (${rate('coredns_dns_requests_total')})` } },
  { title: 'Answers', unit: 'reqps', help: 'NXDOMAIN above all others: search lists (docs/runbooks/HearthSearchListWaste.md).', queries: { '{{rcode}}': `sum by (rcode) (${rate('coredns_dns_responses_total')})` } },
  { title: 'Latency', unit: 's', help: 'From the packet to its answer.', queries: { p50: quantile(0.5, 'coredns_dns_request_duration_seconds'), p90: quantile(0.9, 'coredns_dns_request_duration_seconds'), p99: quantile(0.99, 'coredns_dns_request_duration_seconds') } },
  { title: 'Who answered', unit: 'reqps', help: 'The plugin that made the answer.', queries: { '{{plugin}}': `sum by (plugin) (${rate('coredns_dns_responses_total')})` } },
  { title: 'Types', unit: 'reqps', help: '', queries: { '{{type}}': `sum by (type) (${rate('coredns_dns_requests_total')})` } },
  { title: 'Dropped', unit: 'reqps', help: 'More than the program takes at once.', queries: { shed: `sum(${rate('hearth_queries_shed_total')})`, 'before they were read': `sum(${rate('hearth_packets_dropped_total')})` } },
]

const CACHE: readonly Panel[] = [
  { title: 'Hits', unit: 'percentunit', help: 'Share of the queries that the cache answered.', queries: { hits: `${HITS} / (${HITS} + ${MISSES})` } },
  { title: 'Entries', unit: 'short', help: '', queries: { '{{type}}': `sum by (type) (${of('coredns_cache_entries')})` } },
  { title: 'Refreshed and stale', unit: 'reqps', help: 'Names refreshed before their end, and answers from expired entries.', queries: { prefetched: `sum(${rate('coredns_cache_prefetch_total')})`, stale: `sum(${rate('coredns_cache_served_stale_total')})`, evicted: `sum(${rate('coredns_cache_evictions_total')})` } },
]

const UPSTREAMS: readonly Panel[] = [
  { title: 'Asked', unit: 'reqps', help: 'By upstream.', queries: { '{{to}}': `sum by (to) (${rate('coredns_proxy_request_duration_seconds_count')})` } },
  { title: 'Latency p99', unit: 's', help: 'By upstream.', queries: { '{{to}}': quantile(0.99, 'coredns_proxy_request_duration_seconds', 'to') } },
  { title: 'Health checks that failed', unit: 'cps', help: '', queries: { '{{to}}': `sum by (to) (${rate('coredns_proxy_healthcheck_failures_total')})`, 'all down': `sum(${rate('coredns_forward_healthcheck_broken_total')})` } },
]

const PROCESS: readonly Panel[] = [
  { title: 'Memory', unit: 'bytes', help: 'Resident.', queries: { '{{instance}}': of('process_resident_memory_bytes') } },
  { title: 'Processor', unit: 'short', help: 'Processors in use.', queries: { '{{instance}}': rate('process_cpu_seconds_total') } },
  { title: 'Event loop lag p99', unit: 's', help: 'Above 0.1 s the program has too little processor time.', queries: { '{{instance}}': of('nodejs_eventloop_lag_p99_seconds') } },
]

export const DASHBOARDS: readonly Dashboard[] = [
  {
    uid: 'hearth-cluster', title: 'Hearth: cluster resolver', file: 'cluster-dashboard.json',
    rows: {
      Traffic: TRAFFIC,
      Cache: CACHE,
      Upstreams: UPSTREAMS,
      Cluster: [
        { title: 'Changes until they are seen', unit: 's', help: 'From the change of endpoints to its answer, p50 and p99.', queries: { p50: quantile(0.5, 'coredns_kubernetes_dns_programming_duration_seconds'), p99: quantile(0.99, 'coredns_kubernetes_dns_programming_duration_seconds') } },
        { title: 'API requests', unit: 'reqps', help: 'By code.', queries: { '{{code}}': `sum by (code) (${rate('coredns_kubernetes_rest_client_requests_total')})` } },
        { title: 'Rejected configurations', unit: 'short', help: '', queries: { '{{instance}}': `increase(${of('coredns_reload_failed_total')}[$__range])` } },
      ],
      Process: PROCESS,
    },
  },
  {
    uid: 'hearth-node', title: 'Hearth: node agents', file: 'node-dashboard.json',
    rows: {
      Nodes: [
        { title: 'Agents that take their node\'s queries', unit: 'short', help: 'The others leave them to the cluster.', kind: 'stat', queries: { 'taking': `sum(${of('hearth_node_taking_queries')} == 1)`, 'not taking': `sum(${of('hearth_node_taking_queries')} == bool 0)` } },
        { title: 'Problems', unit: 'short', help: 'hearth-node status names them.', queries: { '{{instance}}': `${of('hearth_node_problems')} > 0` } },
        { title: 'Queries saved', unit: 'reqps', help: 'That autopath, pure and no_aaaa made needless, where the Corefile has them.', queries: { autopath: `sum(${rate('hearth_autopath_saved_queries_total')})`, pure: `sum(${rate('hearth_pure_saved_queries_total')})`, 'no_aaaa': `sum(${rate('hearth_no_aaaa_saved_queries_total')})` } },
        { title: 'Setup errors', unit: 'cps', help: '', queries: { '{{errortype}}': `sum by (errortype) (${rate('coredns_nodecache_setup_errors_total')})` } },
      ],
      Traffic: TRAFFIC,
      Cache: CACHE,
      Upstreams: UPSTREAMS,
      Process: PROCESS,
    },
  },
]

/** A dashboard as Grafana imports it (schema 39: Grafana 10.4 and later). */
export function dashboardJson(dashboard: Dashboard): string {
  const panels: object[] = []
  let y = 0
  for (const [row, list] of Object.entries(dashboard.rows)) {
    panels.push({ id: panels.length + 1, type: 'row', title: row, collapsed: false, gridPos: { x: 0, y: y++, w: 24, h: 1 }, panels: [] })
    list.forEach((panel, i) => panels.push(panelJson(panel, panels.length + 1, (i % 3) * 8, y + Math.floor(i / 3) * 8)))
    y += Math.ceil(list.length / 3) * 8
  }
  return `${JSON.stringify({
    uid: dashboard.uid, title: dashboard.title, tags: ['dns', 'hearth'], schemaVersion: 39, editable: true, refresh: '30s', time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Source' },
        { name: 'instance', type: 'query', label: 'Instance', datasource: { type: 'prometheus', uid: '${datasource}' }, query: { query: `label_values(coredns_build_info{revision=~"${dashboard.uid}.*"}, instance)`, refId: 'instances' }, refresh: 2, multi: true, includeAll: true, allValue: '.*', current: { text: 'All', value: '$__all' } },
      ],
    },
    panels,
  }, undefined, 2)}\n`
}

function panelJson({ title, queries, unit, help, kind = 'timeseries' }: Panel, id: number, x: number, y: number): object {
  return {
    id, type: kind, title, description: help, gridPos: { x, y, w: 8, h: 8 },
    datasource: { type: 'prometheus', uid: '${datasource}' },
    fieldConfig: { defaults: { unit, min: 0, custom: kind === 'stat' ? {} : { fillOpacity: 8, lineWidth: 1, showPoints: 'never' } }, overrides: [] },
    options: kind === 'stat' ? { reduceOptions: { calcs: ['lastNotNull'] } } : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: Object.entries(queries).map(([legend, expr], i) => ({ refId: String.fromCharCode(65 + i), expr, legendFormat: legend, datasource: { type: 'prometheus', uid: '${datasource}' } })),
  }
}

if (import.meta.main) {
  for (const dashboard of DASHBOARDS) writeFileSync(new URL(`../manifests/observability/${dashboard.file}`, import.meta.url), dashboardJson(dashboard))
}
