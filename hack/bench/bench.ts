import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message } from '../../src/wire/message.ts'
import { measureIndex, type IndexFigures } from './index-load.ts'
import { fullLoad, latency, type Load } from './load.ts'
import { Pinned } from './process.ts'
import { corefilePeer, NODE_FLAGS, ours, SHOP, UNBOUND, upstreamCommand, WORKLOADS, type Peer, type Workload } from './servers.ts'

const SERVER_CORE = 0
const LOAD_CORE = 1
const START_MS = 15_000
/** Enough that none is asked twice. */
const UNIQUE_NAMES = 2_000_000
const FEW_NAMES = 1000

interface Figures {
  readonly peer: string
  readonly cpuMicroseconds: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly megabytes: number
  readonly lost: number
}

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '5' }, only: { type: 'string', default: '' }, peer: { type: 'string', multiple: true, default: [] } } })
const seconds = Number(values.seconds)
const folder = mkdtempSync(join(tmpdir(), 'hearth-bench-'))
let nextPort = 20_000 + (process.pid % 4000) * 2

try {
  const bundle = join(folder, 'dist')
  execFileSync(process.execPath, [fileURLToPath(new URL('../bundle.ts', import.meta.url)), bundle])
  writeQueries()
  const others = values.peer.map((text) => corefilePeer(text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)))
  for (const workload of WORKLOADS.filter((each) => each.name.includes(values.only))) {
    const rows: Figures[] = []
    for (const peer of [UNBOUND, ours(workload.program, bundle), ...others]) rows.push(await measure(peer, workload))
    print(workload, rows)
  }
  for (const pods of ['insecure', 'verified'] as const) {
    const title = `cluster: index of 10,000 Services, 100,000 endpoints, 20,000 Pods, pods ${pods}`
    if (title.includes(values.only)) await index(title, pods, bundle)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Our program and others that read Corefiles, with a cluster's worth of objects. */
async function index(title: string, pods: 'insecure' | 'verified', bundle: string): Promise<void> {
  const commands = new Map<string, (conf: string) => readonly string[]>([
    ['hearth-cluster', (conf) => [process.execPath, NODE_FLAGS, join(bundle, 'hearth-cluster', 'lib', 'hearth-cluster.mjs'), '-conf', conf]],
    ...values.peer.map((text): [string, (conf: string) => readonly string[]] => [text.slice(0, text.indexOf('=')), (conf) => text.slice(text.indexOf('=') + 1).replaceAll('{conf}', conf).replaceAll('{port}', '53').split(' ')]),
  ])
  const rows: IndexFigures[] = []
  for (const [peer, command] of commands) {
    rows.push(await measureIndex({ peer, pods, folder, port: nextPort, cores: { server: SERVER_CORE, load: LOAD_CORE }, seconds, command }))
    nextPort += 3
  }
  table(title, [['', 'ready ms', 'peak unshared MB', 'CPU µs/query', 'p50 µs, changing', 'p99 µs, changing', 'lag ms', 'longest ms, relist'], ...rows.map((row) =>
    [row.peer, row.readyMs.toFixed(0), row.peakMegabytes.toFixed(0), row.cpuMicroseconds.toFixed(2), row.p50.toFixed(0), row.p99.toFixed(0), row.lagMs.toFixed(0), row.relistMaxMs.toFixed(1)])])
}

/** One server on one workload: warm, then as fast as it can, then at half that rate for the latency. */
async function measure(peer: Peer, workload: Workload): Promise<Figures> {
  const [port, upstreamPort] = [nextPort++, nextPort++]
  const upstream = new Pinned(LOAD_CORE, upstreamCommand(folder, upstreamPort))
  const server = new Pinned(SERVER_CORE, peer.command(folder, workload, port, upstreamPort))
  try {
    await answering(port, server, workload)
    const load: Load = { core: LOAD_CORE, port, queries: join(folder, `${workload.names}.txt`), seconds, protocol: workload.protocol }
    // Without repeats there is nothing to fill, but compilers want to have seen the work.
    await fullLoad({ ...load, seconds: 2, queries: workload.names === 'unique' ? join(folder, 'warm.txt') : load.queries })
    const before = server.cpuMicroseconds()
    const full = await fullLoad(load)
    const cpu = server.cpuMicroseconds() - before
    const megabytes = server.residentMegabytes()
    const late = await latency({ ...load, seconds: Math.min(seconds, 3), queries: workload.names === 'unique' ? join(folder, 'late.txt') : load.queries }, Math.min(full.perSecond / 2, 10_000))
    return { peer: peer.name, cpuMicroseconds: cpu / full.answered, perSecond: full.perSecond, ...late, megabytes, lost: full.lost }
  } finally {
    await server.stop()
    await upstream.stop()
  }
}

/** Asks until an answer comes. Rejects when the server ends or does not answer in time. */
async function answering(port: number, server: Pinned, workload: Workload): Promise<void> {
  const message = new Message()
  message.rd = true
  message.questions = [{ name: workload.names === 'shop' ? `${SHOP[0]}.` : 'ready.bench.example.', type: 1, class: 1 }]
  const packet = encodeMessage(message)
  for (const end = Date.now() + START_MS; ;) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = createSocket('udp4')
      const done = (result: boolean) => {
        clearTimeout(timer)
        socket.close()
        resolve(result)
      }
      const timer = setTimeout(() => done(false), 200)
      socket.on('message', (reply) => done((reply[3]! & 15) === 0 && reply[7] !== 0)).on('error', () => done(false))
      socket.connect(port, '127.0.0.1', () => socket.send(packet))
    })
    if (answered) return
    if (server.ended || Date.now() > end) throw new Error(`the server does not answer:\n${server.output}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function writeQueries(): void {
  const file = (name: string, count: number, line: (i: number) => string) => writeFileSync(join(folder, `${name}.txt`), Array.from({ length: count }, (_, i) => `${line(i)}\n`).join(''))
  file('shop', SHOP.length, (i) => `${SHOP[i]} A`)
  file('few', FEW_NAMES, (i) => `n${i}.bench.example A`)
  file('unique', UNIQUE_NAMES, (i) => `u${i}.bench.example A`)
  file('warm', UNIQUE_NAMES / 4, (i) => `w${i}.bench.example A`)
  file('late', UNIQUE_NAMES / 20, (i) => `l${i}.bench.example A`)
}

function print(workload: Workload, rows: readonly Figures[]): void {
  const [base] = rows
  const lines = [['', 'CPU µs/query', 'queries/s', 'p50 µs', 'p99 µs', 'RSS MB', 'lost', 'CPU to unbound', 'queries/s to unbound']]
  for (const row of rows) {
    lines.push([row.peer, row.cpuMicroseconds.toFixed(2), row.perSecond.toFixed(0), row.p50.toFixed(0), row.p99.toFixed(0), row.megabytes.toFixed(0), String(row.lost), `${(row.cpuMicroseconds / base!.cpuMicroseconds).toFixed(2)}×`, `${(row.perSecond / base!.perSecond).toFixed(2)}×`])
  }
  table(workload.name, lines)
}

function table(title: string, lines: readonly (readonly string[])[]): void {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  process.stdout.write(`\n${title}\n${lines.map((line) => line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')).join('\n')}\n`)
}
