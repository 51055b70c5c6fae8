import { createSocket } from 'node:dgram'
import { join } from 'node:path'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message } from '../../src/wire/message.ts'
import { dnsperf } from './dnsperf.ts'
import type { LoadKind } from './loads.ts'
import { Pinned } from './process.ts'
import { agentOf, AGENTS, resolver, upstreamCommand, type PeerName, type Place } from './servers.ts'

const SERVER_CORE = 0
const LOAD_CORE = 1
const START_MS = 30_000

/** One peer under one load at one rate, once. CPU in microseconds a query. */
export interface Figures {
  readonly cpu: number
  readonly user: number
  readonly system: number
  readonly perSecond: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  /** Share of queries without an answer. */
  readonly loss: number
  readonly rssMb: number
  readonly unsharedMb: number
  /** The longest pause for garbage, and all of them, in milliseconds; only where the program tells. */
  readonly pauseMs: number
  readonly pausesMs: number
}

export interface Bench {
  readonly folder: string
  readonly bundle: string
  readonly seconds: number
}

let nextPort = 20_000 + (process.pid % 4000)

/** A forwarder that answers, what is behind it, and the core that is left for load. */
export interface Started {
  readonly port: number
  readonly core: number
  readonly servers: readonly Pinned[]
  stop(): Promise<void>
}

/** Starts a peer in front of what everybody forwards to; `pair`: an agent, with a resolver between. */
export async function startForwarder(bench: Bench, peer: PeerName, pair = false): Promise<Started> {
  const upstream = new Pinned(LOAD_CORE, upstreamCommand(bench.folder, nextPort))
  const servers: Pinned[] = []
  const stop = async () => {
    nextPort++
    for (const server of [...servers].reverse()) await server.stop()
    await upstream.stop()
  }
  const start = async (command: (place: Place) => readonly string[], behind: number): Promise<number> => {
    const here: Place = { folder: bench.folder, bundle: bench.bundle, port: ++nextPort, upstream: behind }
    const server = new Pinned(SERVER_CORE, command(here))
    servers.push(server)
    await answering(here.port, server, peer === 'echo floor')
    return here.port
  }
  try {
    const port = pair
      ? await start((here) => agentOf(peer, here), await start((here) => resolver(peer, here), nextPort))
      : await start(AGENTS[peer]!, nextPort)
    return { port, core: LOAD_CORE, servers, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Starts a peer, warms it, and measures it at every rate of the load. */
export async function measure(bench: Bench, peer: PeerName, load: LoadKind): Promise<Map<number, Figures>> {
  const { port, core, servers, stop } = await startForwarder(bench, peer, load.pair)
  try {
    const run = (queries: string, seconds: number, rate: number) => dnsperf({ core, port, queries: join(bench.folder, `${queries}.txt`), seconds, protocol: load.protocol, rate })
    await run(load.warm, 2, 0)
    const figures = new Map<number, Figures>()
    for (const rate of load.rates) figures.set(rate, await once(servers, () => run(load.queries, bench.seconds, rate)))
    return figures
  } finally {
    await stop()
  }
}

async function once(servers: readonly Pinned[], run: () => ReturnType<typeof dnsperf>): Promise<Figures> {
  const sum = (of: (server: Pinned) => number) => servers.reduce((total, server) => total + of(server), 0)
  for (const server of servers) server.takePauses()
  const before = servers.map((server) => server.cpu())
  const { sent, answered, perSecond, p50, p90, p99, p999 } = await run()
  const after = servers.map((server) => server.cpu())
  const spent = (part: 'total' | 'user' | 'system') => after.reduce((total, cpu, i) => total + cpu[part] - before[i]![part], 0) / answered
  const pauses = servers.flatMap((server) => server.takePauses())
  return {
    cpu: spent('total'), user: spent('user'), system: spent('system'), perSecond, p50, p90, p99, p999, loss: (sent - answered) / sent,
    rssMb: sum((server) => server.memory().rssMb), unsharedMb: sum((server) => server.memory().unsharedMb),
    pauseMs: Math.max(0, ...pauses), pausesMs: pauses.reduce((total, pause) => total + pause, 0),
  }
}

/** Asks until an answer comes. Rejects when the server ends or does not answer in time. */
export async function answering(port: number, server: Pinned, anyReply: boolean, everyMs = 50): Promise<void> {
  const message = new Message()
  message.rd = true
  message.questions = [{ name: 'ready.bench.example.', type: 1, class: 1 }]
  const packet = encodeMessage(message)
  for (const end = Date.now() + START_MS; ;) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = createSocket('udp4')
      const done = (result: boolean) => {
        clearTimeout(timer)
        socket.close()
        resolve(result)
      }
      const timer = setTimeout(() => done(false), everyMs * 4)
      socket.on('message', (reply) => done(anyReply || ((reply[3]! & 15) === 0 && reply[7] !== 0))).on('error', () => done(false))
      socket.connect(port, '127.0.0.1', () => socket.send(packet))
    })
    if (answered) return
    if (server.ended || Date.now() > end) throw new Error(`the server does not answer:\n${server.output}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
