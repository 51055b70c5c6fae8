import type { AttackFigures } from './attack-load.ts'
import type { IndexFigures } from './index-load.ts'
import type { Figures } from './measure.ts'
import type { RestFigures } from './rest.ts'

export interface Row {
  readonly load: string
  readonly rate: number
  readonly peer: string
  readonly figures: Figures
}

/** Each figure by itself, so that one disturbed run disturbs nothing. */
export function median(runs: readonly Figures[]): Figures {
  const middle = (key: keyof Figures) => runs.map((run) => run[key]).sort((a, b) => a - b)[Math.floor(runs.length / 2)]!
  return Object.fromEntries((Object.keys(runs[0]!) as (keyof Figures)[]).map((key) => [key, middle(key)])) as unknown as Figures
}

const COLUMNS: readonly (readonly [string, (figures: Figures) => string])[] = [
  ['CPU µs', ({ cpu }) => cpu.toFixed(2)], ['user', ({ user }) => user.toFixed(2)], ['system', ({ system }) => system.toFixed(2)],
  ['queries/s', ({ perSecond }) => perSecond.toFixed(0)], ['p50 µs', ({ p50 }) => micros(p50)], ['p90 µs', ({ p90 }) => micros(p90)], ['p99 µs', ({ p99 }) => micros(p99)], ['p99.9 µs', ({ p999 }) => micros(p999)],
  ['loss', ({ loss }) => `${(loss * 100).toFixed(2)} %`], ['RSS MB', ({ rssMb }) => rssMb.toFixed(0)], ['unshared MB', ({ unsharedMb }) => unsharedMb.toFixed(0)],
  ['longest GC ms', ({ pauseMs }) => (pauseMs === 0 ? '' : pauseMs.toFixed(1))],
]

/** A table of Markdown for each load and rate. */
export function tables(rows: readonly Row[]): string {
  const groups = Map.groupBy(rows, ({ load, rate }) => `${load}, ${rate === 0 ? 'as fast as it can' : `${rate} queries a second`}`)
  return [...groups].map(([title, group]) => {
    const unbound = group.find((row) => row.peer === 'unbound')?.figures.cpu
    const coredns = group.find((row) => row.peer === 'CoreDNS')?.figures.cpu
    const header = `| | ${COLUMNS.map(([name]) => name).join(' | ')} | to unbound | to CoreDNS |\n|---|${'---:|'.repeat(COLUMNS.length + 2)}`
    const ratio = (cpu: number, base: number | undefined) => (base === undefined ? '' : `${(cpu / base).toFixed(2)}×`)
    const lines = group.map(({ peer, figures }) => `| ${peer} | ${COLUMNS.map(([, text]) => text(figures)).join(' | ')} | ${ratio(figures.cpu, unbound)} | ${ratio(figures.cpu, coredns)} |`)
    return `### ${title}\n\n${header}\n${lines.join('\n')}\n`
  }).join('\n')
}

/** What a flood of unique names does to another client's cached ones. */
export function attackTable(runs: readonly AttackFigures[]): string {
  const lines = runs.map(({ peer, alone, attacked, floodPerSecond }) => `| ${peer} | ${micros(alone.p50)} | ${micros(alone.p99)} | ${micros(attacked.p50)} | ${micros(attacked.p99)} | ${(100 * (attacked.sent - attacked.answered) / attacked.sent).toFixed(2)} % | ${floodPerSecond.toFixed(0)} |`)
  return `### 1,000 cached names a second of one client, while another asks for names that nobody has asked before

| | p50 µs alone | p99 µs alone | p50 µs | p99 µs | loss | flood/s |
|---|---:|---:|---:|---:|---:|---:|
${lines.join('\n')}
`
}

/** The cluster index at scale. */
export function indexTable(runs: readonly IndexFigures[]): string {
  const lines = runs.map((run) => `| ${run.peer}, pods ${run.pods} | ${run.readyMs.toFixed(0)} | ${run.peakMegabytes.toFixed(0)} | ${run.cpuMicroseconds.toFixed(2)} | ${micros(run.p50)} | ${micros(run.p99)} | ${run.lagMs.toFixed(0)} | ${run.relistMaxMs.toFixed(1)} |`)
  return `### 10,000 Services, 100,000 endpoints, 20,000 Pods

Ready after; peak of unshared memory; uncached answers as fast as it can; latency at 10,000 queries a second while 1,000 endpoints a second
change; time until the last change is answered; longest answer while everything is listed anew.

| | ready ms | peak MB | CPU µs | p50 µs | p99 µs | follows ms | relist ms |
|---|---:|---:|---:|---:|---:|---:|---:|
${lines.join('\n')}
`
}

/** Programs that nobody asks, and their start. */
export function restTable(figures: readonly RestFigures[]): string {
  const lines = figures.map(({ program, engine, idle, startMs, quickestMs }) => `| ${program}, ${engine} | ${(idle * 100).toFixed(2)} % | ${startMs.toFixed(0)} | ${quickestMs.toFixed(0)} |`)
  return `### at rest, and at the start

Share of a core over 60 s without queries, with health, prometheus and reload, the agent with its rules and probes; milliseconds from
exec to the first answer, of ten starts.

| | idle | start, median ms | quickest |
|---|---:|---:|---:|
${lines.join('\n')}
`
}

const BAR = 16
const LEFT = 230
const WIDTH = 900
const COLORS: Readonly<Record<string, string>> = { hearth: '#c2410c', 'hearth, dgram': '#fdba74', 'echo floor': '#a8a29e' }

/** Bars of CPU time a query, one group for each load and rate, each group on its own scale. */
export function plot(rows: readonly Row[]): string {
  const parts: string[] = []
  let y = 30
  for (const [title, group] of Map.groupBy(rows, ({ load, rate }) => `${load}, ${rate === 0 ? 'as fast as it can' : `${rate}/s`}`)) {
    parts.push(`<text x="10" y="${y}" font-weight="bold">${title}</text>`)
    y += 8
    const longest = Math.max(...group.map((row) => row.figures.cpu))
    for (const { peer, figures } of group) {
      const width = (figures.cpu / longest) * (WIDTH - LEFT - 110)
      const userWidth = (figures.user / longest) * (WIDTH - LEFT - 110)
      const color = COLORS[peer] ?? '#64748b'
      parts.push(`<text x="${LEFT - 8}" y="${y + 12}" text-anchor="end">${peer}</text><rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 3}" fill="${color}" opacity="0.55"/>`
        + `<rect x="${LEFT}" y="${y}" width="${userWidth.toFixed(1)}" height="${BAR - 3}" fill="${color}"/><text x="${(LEFT + width + 6).toFixed(1)}" y="${y + 12}">${figures.cpu.toFixed(1)} µs</text>`)
      y += BAR
    }
    y += 26
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/><title>CPU time a query, in user code (dark) and in the kernel</title>${parts.join('\n')}</svg>\n`
}

function micros(value: number): string {
  return Number.isNaN(value) ? '' : value.toFixed(0)
}
