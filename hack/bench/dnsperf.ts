import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const OUTPUT_LIMIT_BYTES = 512 * 1024 * 1024

export interface Load {
  readonly core: number
  readonly port: number
  /** Lines `NAME TYPE`. */
  readonly queries: string
  readonly seconds: number
  readonly protocol: 'udp' | 'tcp'
  /** Queries a second; 0 for as many as the server answers. */
  readonly rate: number
  /** Address that it comes from. */
  readonly source?: string
  readonly niceness?: number
  /** Nobody wants to know how long answers took. */
  readonly untimed?: boolean
}

export interface Outcome {
  readonly sent: number
  readonly answered: number
  readonly perSecond: number
  /** Microseconds, at a rate only. */
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** 20 clients; at a rate each query's time is taken. */
export async function dnsperf(load: Load): Promise<Outcome> {
  const timed = load.rate > 0 && load.untimed !== true
  const { stdout } = await run('nice', [
    '-n', String(load.niceness ?? 0), 'taskset', '-c', String(load.core), 'dnsperf', ...(load.source === undefined ? [] : ['-a', load.source]), '-s', '127.0.0.1', '-p', String(load.port), '-m', load.protocol, '-d', load.queries, '-l', String(load.seconds), '-t', '2', '-S', '0',
    '-c', '20', '-q', load.rate === 0 ? '100' : '10000', ...(load.rate === 0 ? [] : ['-Q', String(load.rate)]), ...(timed ? ['-v'] : []),
  ], { maxBuffer: OUTPUT_LIMIT_BYTES })
  const times = timed ? latencies(stdout) : []
  const at = (share: number) => (times.length === 0 ? Number.NaN : times[Math.min(times.length - 1, Math.floor(times.length * share))]!)
  return {
    sent: figure(stdout, /Queries sent:\s+(\d+)/), answered: figure(stdout, /Queries completed:\s+(\d+)/), perSecond: figure(stdout, /Queries per second:\s+([\d.]+)/),
    p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1),
  }
}

/** Microseconds, ascending. */
function latencies(output: string): number[] {
  return [...output.matchAll(/^> \S+ .* ([\d.]+)$/gm)].map((match) => Number(match[1]) * 1e6).sort((a, b) => a - b)
}

function figure(output: string, pattern: RegExp): number {
  const match = pattern.exec(output)
  if (match === null) throw new Error(`dnsperf printed something else:\n${output.slice(0, 2000)}`)
  return Number(match[1])
}
