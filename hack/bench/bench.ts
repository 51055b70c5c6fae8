import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { VERSION } from '../../cmd/version.ts'
import { measureAttack, type AttackFigures } from './attack-load.ts'
import { LOADS, writeQueries } from './loads.ts'
import { measureIndex, type IndexFigures } from './index-load.ts'
import { measure, type Figures } from './measure.ts'
import { attackTable, indexTable, median, plot, restTable, tables, type Row } from './report.ts'
import { measureRest, type RestFigures } from './rest.ts'
import { AGENTS, clusterCommands, type PeerName } from './servers.ts'

const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url))
const PLOT = fileURLToPath(new URL('../../docs/images/performance.svg', import.meta.url))
const BEGIN = '<!-- hack/bench.sh --write puts its tables here -->'
const END = '<!-- end of the tables -->'

const { values } = parseArgs({ options: {
  seconds: { type: 'string', default: '3' }, rounds: { type: 'string', default: '5' }, only: { type: 'string', default: '' }, peers: { type: 'string', default: '' }, write: { type: 'boolean', default: false },
} })
const folder = mkdtempSync(join(tmpdir(), 'hearth-bench-'))
const INDEX = 'index'
const REST = 'rest'
/** With more at work besides, latencies and what few queries cost say little. */
const BUSY_LOAD = 0.5
const indexRuns: IndexFigures[] = []
const ATTACK = 'attack'
const ATTACKED: readonly PeerName[] = ['hearth', 'hearth, dgram', 'unbound', 'dnsdist', 'CoreDNS', 'node-cache']
const attacks: AttackFigures[] = []
let rest: RestFigures[] = []
const loadBefore = loadavg()[0]!
process.stderr.write(`load average before the start: ${loadBefore.toFixed(2)}${loadBefore > BUSY_LOAD ? '; the machine is busy: latencies and CPU at low rates are not to be trusted, ratios at saturation hold roughly' : ''}\n`)
const runs = new Map<string, { readonly row: Omit<Row, 'figures'>; readonly figures: Figures[] }>()

try {
  const bundle = join(folder, 'dist')
  execFileSync(process.execPath, [fileURLToPath(new URL('../bundle.ts', import.meta.url)), bundle])
  writeQueries(folder)
  const wanted = values.peers.split(',').filter((name) => name !== '')
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const load of LOADS.filter((each) => each.name.includes(values.only))) {
      for (const peer of load.peers.filter((name) => AGENTS[name] !== undefined && (!load.pair || name !== 'CoreDNS' || AGENTS['node-cache'] !== undefined) && (wanted.length === 0 || wanted.includes(name)))) {
        process.stderr.write(`round ${round}: ${load.name}: ${peer}\n`)
        const shown = load.pair ? pairName(peer) : peer
        for (const [rate, figures] of await measure({ folder, bundle, seconds: Number(values.seconds) }, peer, load)) {
          const key = `${load.name} ${rate} ${peer}`
          const known = runs.get(key) ?? { row: { load: load.title, rate, peer: shown }, figures: [] }
          known.figures.push(figures)
          runs.set(key, known)
        }
      }
    }
  }
  if (ATTACK.includes(values.only)) {
    for (const peer of ATTACKED.filter((name) => AGENTS[name] !== undefined && (wanted.length === 0 || wanted.includes(name)))) {
      process.stderr.write(`attack: ${peer}\n`)
      attacks.push(await measureAttack({ folder, bundle, seconds: Number(values.seconds) }, peer))
    }
  }
  // Once: it measures a start, whose seconds vary little.
  if (INDEX.includes(values.only)) {
    for (const pods of ['insecure', 'verified'] as const) {
      for (const [peer, command] of clusterCommands(bundle)) {
        process.stderr.write(`index: ${peer}, pods ${pods}\n`)
        indexRuns.push(await measureIndex({ peer, pods, folder, port: 30_000 + (process.pid % 1000) * 3 + indexRuns.length * 10, cores: { server: 0, load: 1 }, seconds: Number(values.seconds), command }))
      }
    }
  }
  if (REST.includes(values.only)) {
    process.stderr.write('rest: starts, and 60 s of idling each\n')
    rest = await measureRest({ folder, bundle, port: 34_000 + (process.pid % 1000) * 5, core: 0 })
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const rows = [...runs.values()].map(({ row, figures }): Row => ({ ...row, figures: median(figures) })).sort((a, b) => order(a) - order(b) || a.rate - b.rate)
const text = `${machine()}\n\n${tables(rows)}${attacks.length === 0 ? '' : `\n${attackTable(attacks)}`}${indexRuns.length === 0 ? '' : `\n${indexTable(indexRuns)}`}${rest.length === 0 ? '' : `\n${restTable(rest)}`}`
process.stdout.write(`${text}\n`)
if (values.write) {
  const page = readFileSync(PAGE, 'utf8')
  writeFileSync(PAGE, `${page.slice(0, page.indexOf(BEGIN) + BEGIN.length)}\n\n${text}\n${page.slice(page.indexOf(END))}`)
  writeFileSync(PLOT, plot(rows))
}

function order(row: Omit<Row, 'figures'>): number {
  return LOADS.findIndex((load) => load.title === row.load)
}

function pairName(peer: PeerName): string {
  return peer === 'CoreDNS' ? 'CoreDNS' : 'hearth'
}

/** What the figures hold for. */
function machine(): string {
  const versions = [`hearth ${VERSION} on Node ${process.version}`, first('unbound', ['-V'], /Version ([\d.]+)/, 'unbound'), first('dnsdist', ['--version'], /dnsdist ([\d.]+)/, 'dnsdist'), first('dnsmasq', ['-v'], /version ([\d.]+)/, 'dnsmasq'),
    process.env['BENCH_COREDNS'] === undefined ? '' : first(process.env['BENCH_COREDNS'], ['-version'], /CoreDNS-([\d.]+)/, 'CoreDNS'), process.env['BENCH_NODE_CACHE'] === undefined ? '' : 'node-cache'].filter((part) => part !== '')
  return `${cpus()[0]?.model.trim()}, Linux ${release().split('-')[0]}; server on one core, load and upstream on another, over loopback. ${versions.join(', ')}. Medians of ${values.rounds} interleaved runs of ${values.seconds} s; load average before: ${loadBefore.toFixed(2)}.`
}

function first(command: string, args: readonly string[], pattern: RegExp, name: string): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  const version = pattern.exec(`${stdout}${stderr}`)?.[1]
  return version === undefined ? '' : `${name} ${version}`
}
