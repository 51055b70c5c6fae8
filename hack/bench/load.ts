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
}

/** As many queries as the server answers: 20 clients with 100 under way. */
export async function fullLoad(load: Load): Promise<{ answered: number; lost: number; perSecond: number }> {
  const output = await dnsperf(load, ['-c', '20', '-q', '100'])
  return { answered: figure(output, /Queries completed:\s+(\d+)/), lost: figure(output, /Queries lost:\s+(\d+)/), perSecond: figure(output, /Queries per second:\s+([\d.]+)/) }
}

/** Latency at a rate that leaves the server room, in microseconds. */
export async function latency(load: Load, rate: number): Promise<{ p50: number; p99: number; max: number }> {
  const output = await dnsperf(load, ['-c', '20', '-q', '100', '-Q', String(Math.max(1, Math.round(rate))), '-v'])
  const took = [...output.matchAll(/^> \S+ .* ([\d.]+)$/gm)].map((match) => Number(match[1]) * 1e6).sort((a, b) => a - b)
  if (took.length === 0) throw new Error(`dnsperf told of no latencies:\n${output.slice(0, 2000)}`)
  const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))]!
  return { p50: at(0.5), p99: at(0.99), max: took.at(-1)! }
}

async function dnsperf(load: Load, options: readonly string[]): Promise<string> {
  const { stdout } = await run('taskset', [
    '-c', String(load.core), 'dnsperf', '-s', '127.0.0.1', '-p', String(load.port), '-m', load.protocol, '-d', load.queries, '-l', String(load.seconds), '-t', '2', '-S', '0', ...options,
  ], { maxBuffer: OUTPUT_LIMIT_BYTES })
  return stdout
}

function figure(output: string, pattern: RegExp): number {
  const match = pattern.exec(output)
  if (match === null) throw new Error(`dnsperf printed something else:\n${output.slice(0, 2000)}`)
  return Number(match[1])
}
