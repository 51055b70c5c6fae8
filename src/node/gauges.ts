import type { Gauge, Metrics } from '../core/metrics.ts'
import type { ProxyMode } from './proxy-mode.ts'
import type { Report } from './report.ts'

const MODES: readonly ProxyMode[] = ['iptables', 'ipvs', 'nftables', 'ebpf', 'none']

/** The report as gauges: 1 for yes, 0 for no, -1 where there is nothing to say. */
export class AgentGauges {
  readonly #mode: ReadonlyMap<ProxyMode, Gauge>
  readonly #gauges: readonly { readonly gauge: Gauge; readonly value: (report: Report) => number }[]

  constructor(metrics: Metrics) {
    const mode = metrics.gauge('hearth_node_mode', 'Who translates Services on this node: 1 for the mode in force.', ['mode'])
    this.#mode = new Map(MODES.map((name) => [name, mode.with(name)]))
    this.#gauges = GAUGES.map(([name, help, value]) => ({ gauge: metrics.gauge(`hearth_node_${name}`, help).with(), value }))
  }

  show(report: Report): void {
    for (const [mode, gauge] of this.#mode) gauge.set(report.network?.mode.mode === mode ? 1 : 0)
    for (const { gauge, value } of this.#gauges) gauge.set(value(report))
  }
}

const GAUGES: readonly (readonly [name: string, help: string, value: (report: Report) => number])[] = [
  ['ready', 'Sockets, rules and upstream are good.', (report) => yes(report.ready)],
  ['problems', 'How many things are not as they should be; hearth-node status names them.', (report) => report.problems.length],
  ['rules_present', 'The rules that bring queries here are in the kernel.', ({ network }) => yes(network?.rulesPresent)],
  ['owner_table', 'The rules end with this process.', ({ network }) => yes(network?.owned)],
  ['taking_queries', 'Queries are not given to the cluster for want of answered probes.', ({ network }) => yes(network?.taking)],
  ['lease_age_seconds', 'Since the lease renewed longest ago was renewed.', ({ network }) => oldestLease(network?.leases ?? [], network?.addresses.length ?? 0)],
  ['fallback_targets', 'Servers that answer when no agent does.', ({ network }) => (network === undefined || network.fallback === '' ? 0 : network.fallback.split(' ').length)],
  ['last_probe_seconds', 'Since this agent last answered itself.', ({ probes }) => (probes?.lastAgeMs === undefined ? -1 : probes.lastAgeMs / 1000)],
  ['probes_answered', 'All probes are answered.', ({ probes }) => yes(probes?.answered)],
  ['upstream_answers', 'The cluster\'s DNS answered when last asked.', ({ upstreamAnswers }) => yes(upstreamAnswers)],
  ['configuration_rejected', 'A newer configuration was rejected and the last good one serves.', ({ configuration }) => yes(configuration.rejected !== '')],
  ['configuration_in_force', 'The newest configuration serves.', ({ configuration }) => yes(configuration.rejected === '')],
  ['twins', 'Other agents on this node.', ({ twins }) => twins.length],
]

function yes(value: boolean | undefined): number {
  return value === undefined ? -1 : value ? 1 : 0
}

/** -1 when an address has none. */
function oldestLease(leases: readonly { readonly ageMs: number }[], wanted: number): number {
  return leases.length < wanted || leases.length === 0 ? -1 : Math.max(...leases.map((lease) => lease.ageMs)) / 1000
}
