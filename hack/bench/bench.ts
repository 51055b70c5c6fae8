import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message } from '../../src/wire/message.ts'
import { fullLoad, latency, type Load } from './load.ts'
import { Pinned } from './process.ts'
import { corefilePeer, ours, SHOP, UNBOUND, upstreamCommand, WORKLOADS, type Peer, type Workload } from './servers.ts'

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
} finally {
  rmSync(folder, { recursive: true, force: true })
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
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  process.stdout.write(`\n${workload.name}\n${lines.map((line) => line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')).join('\n')}\n`)
}
