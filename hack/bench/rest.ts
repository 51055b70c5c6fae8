/** What the programs cost when nobody asks, and how long they take from exec to the first answer. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { answering } from './measure.ts'
import { Pinned } from './process.ts'
import { NODE_FLAGS } from './servers.ts'

const IDLE_MS = 60_000
/** What the start leaves to be done is done by then. */
const SETTLED_MS = 10_000
const STARTS = 10

export interface RestFigures {
  readonly program: string
  readonly engine: string
  /** Share of a processor. */
  readonly idle: number
  /** Milliseconds to the first answer: the median, and the quickest. */
  readonly startMs: number
  readonly quickestMs: number
}

export interface RestRun {
  readonly folder: string
  readonly bundle: string
  /** The first of some. */
  readonly port: number
  readonly core: number
}

const CASES = (['hearth-node', 'hearth-cluster'] as const).flatMap((program) => ['mmsg', 'dgram'].map((engine) => ({ program, engine })))

/** Starts one after the other; then all are idle at the same time. */
export async function measureRest(run: RestRun): Promise<RestFigures[]> {
  let { port } = run
  const starts: number[][] = []
  for (const { program, engine } of CASES) {
    const times: number[] = []
    // The first one compiles, as the images do when they are made.
    for (let i = 0; i <= STARTS; i++) times.push(await startOnce(run, program, engine, port += 5))
    starts.push(times.slice(1).sort((a, b) => a - b))
  }
  const idle = await Promise.all(CASES.map(({ program, engine }) => idleOnce(run, program, engine, port += 5)))
  return CASES.map((each, i) => ({ ...each, idle: idle[i]!, startMs: starts[i]![STARTS / 2]!, quickestMs: starts[i]![0]! }))
}

async function startOnce(run: RestRun, program: keyof typeof NODE_FLAGS, engine: string, port: number): Promise<number> {
  const command = commandOf(run, program, engine, port, false)
  const startMs = performance.now()
  const server = new Pinned(run.core, command)
  try {
    await answering(port, server, true, 1)
    return performance.now() - startMs
  } finally {
    await server.stop()
  }
}

async function idleOnce(run: RestRun, program: keyof typeof NODE_FLAGS, engine: string, port: number): Promise<number> {
  const server = new Pinned(run.core, commandOf(run, program, engine, port, true))
  try {
    await sleep(SETTLED_MS)
    if (server.ended) throw new Error(`${program} ended:\n${server.output}`)
    const [before, startMs] = [server.cpu().total, performance.now()]
    await sleep(IDLE_MS)
    return (server.cpu().total - before) / 1000 / (performance.now() - startMs)
  } finally {
    await server.stop()
  }
}

/** With what deployments have. Idle, and where we are root, in a network of its own: so the agent has its rules and probes. */
function commandOf({ folder, bundle }: RestRun, program: keyof typeof NODE_FLAGS, engine: string, port: number, idle: boolean): readonly string[] {
  const conf = join(folder, `${program}-${port}.Corefile`)
  writeFileSync(conf, `.:${port} {\n    bind 127.0.0.1\n    errors\n    health 127.0.0.1:${port + 1}\n    prometheus 127.0.0.1:${port + 2}\n    cache 30\n    reload\n    loadbalance\n    whoami\n}\n`)
  const alone = idle && process.getuid?.() === 0 && spawnSync('unshare', ['-n', 'true']).status === 0
  const agent = ['-localip', '127.0.0.1', '-setupinterface=false', `-setupiptables=${String(alone)}`, '-metrics-listen-address', '', '-basecorefile', join(folder, 'none')]
  return [
    ...alone ? ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'] : [],
    'env', `NODE_COMPILE_CACHE=${join(folder, `cache-${program}`)}`, process.execPath, ...NODE_FLAGS[program], join(bundle, program, 'lib', `${program}.mjs`),
    '-engine', engine, ...program === 'hearth-node' ? agent : [], '-admin-listen-address', '', '-conf', conf, '-dns.port', String(port),
  ]
}
