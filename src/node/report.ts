import type { NetworkState } from './network.ts'

/** What an agent says about itself: `hearth-node status --json` prints a list of these. */
export interface Report {
  readonly id: string
  readonly pid: number
  readonly version: string
  readonly upSeconds: number
  readonly ready: boolean
  /** What is wrong, in sentences; empty when all is well. */
  readonly problems: readonly string[]
  readonly network: NetworkState | undefined
  /** Why the kernel's state cannot be read; empty when it can. */
  readonly unreadable: string
  /** Undefined while nothing is probed. */
  readonly probes: ProbeReport | undefined
  /** The upstream answered when last asked; undefined when there is none to ask. */
  readonly upstreamAnswers: boolean | undefined
  readonly configuration: ConfigurationReport
  /** Ids of the other agents of the node. */
  readonly twins: readonly string[]
}

export interface ProbeReport {
  readonly answered: boolean
  readonly silent: readonly string[]
  /** Since this agent last answered itself; undefined for never. */
  readonly lastAgeMs: number | undefined
}

export interface ConfigurationReport {
  readonly corefile: string
  readonly rejected: string
}

/** Everything that is not as it should be. */
export function problemsOf(report: Omit<Report, 'problems' | 'ready'>, wanted: { readonly addresses: boolean; readonly rules: boolean; readonly serving: boolean }): string[] {
  const { network, probes, configuration } = report
  const problems: string[] = []
  if (report.unreadable !== '') problems.push(`the kernel's state cannot be read: ${report.unreadable}`)
  if (!wanted.serving) problems.push('not serving yet')
  if (network !== undefined && wanted.addresses) {
    const missing = network.addresses.filter((address) => !network.addressesPresent.includes(address))
    if (missing.length > 0) problems.push(`the node does not have the addresses ${missing.join(' ')}`)
  }
  if (network !== undefined && wanted.rules && wanted.serving) {
    if (!network.rulesPresent) problems.push(`the rules of table ${network.table} are not in force: kube-proxy keeps the cluster's DNS address`)
    else if (!network.taking) problems.push('queries are given to the cluster, because probes are not answered')
    const lapsed = network.addresses.filter((address) => !network.leases.some((lease) => lease.address === address))
    if (network.rulesPresent && network.taking && lapsed.length > 0) problems.push(`no lease for ${lapsed.join(' ')}: queries go to the cluster`)
    if (network.fallback === '') problems.push('no fallback: nobody answers the link-local address without this agent (see --fallback-endpoints)')
    else if (!network.fallbackPresent) problems.push('the fallback tables are missing')
  }
  if (probes !== undefined && !probes.answered) problems.push(`probes are not answered: ${probes.silent.join('; ')}`)
  if (report.upstreamAnswers === false) problems.push('the cluster\'s DNS does not answer')
  if (configuration.rejected !== '') problems.push(`configuration rejected, the last good one serves: ${configuration.rejected}`)
  return problems
}

/** For a person. */
export function formatReport(report: Report): string {
  return reportRows(report).map(([name, text]) => `${name.padEnd(14)}${text}\n`).join('')
}

/** What is said under which heading; the problems have none of their own. */
export function reportRows(report: Report): [string, string][] {
  const { network, probes } = report
  const rows: [string, string][] = [
    ['agent', `${report.id}, pid ${report.pid}, version ${report.version}, up ${Math.round(report.upSeconds)} s`],
    ['state', report.problems.length === 0 ? 'well' : `${report.problems.length} problem${report.problems.length > 1 ? 's' : ''}${report.ready ? ', ready' : ', not ready'}`],
    ...report.problems.map((problem): [string, string] => ['', `! ${problem}`]),
  ]
  if (network !== undefined) {
    rows.push(
      ['proxy mode', `${network.mode.mode}: ${network.mode.why}`],
      ['addresses', network.addressesPresent.join(' ') || 'none'],
      ['rules', network.rulesPresent ? `${network.table}, ${network.owned ? 'owned: ends with the process' : 'not owned: ends with its lease'}` : 'not in force'],
      ['lease', network.leases.map((lease) => `${lease.address} renewed ${lease.ageMs} ms ago`).join(', ') || 'none'],
      ['fallback', network.fallback === '' ? 'none' : `${network.fallback}${network.fallbackPresent ? '' : ' (not in force)'}`],
    )
  }
  if (probes !== undefined) rows.push(['probes', `${probes.answered ? 'answered' : 'not answered'}, last own answer ${probes.lastAgeMs === undefined ? 'never' : `${Math.round(probes.lastAgeMs)} ms ago`}`])
  rows.push(
    ['upstream', report.upstreamAnswers === undefined ? 'not asked' : report.upstreamAnswers ? 'answers' : 'does not answer'],
    ['configuration', report.configuration.rejected === '' ? report.configuration.corefile : `${report.configuration.corefile} (a newer one was rejected)`],
    ['other agents', report.twins.join(' ') || 'none'],
  )
  return rows
}
