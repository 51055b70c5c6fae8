import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

const OUTPUT_KEPT = 1_000_000

/** CPU time so far, in microseconds. */
export interface Cpu {
  readonly total: number
  readonly user: number
  readonly system: number
}

export interface Memory {
  readonly rssMb: number
  /** RssAnon and RssShmem: what no other process shares. */
  readonly unsharedMb: number
}

/** A program bound to one core. */
export class Pinned {
  readonly #child: ChildProcess
  output = ''

  constructor(core: number, command: readonly string[]) {
    this.#child = spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) stream.on('data', (chunk: Buffer) => { this.output = (this.output + chunk.toString()).slice(-OUTPUT_KEPT) })
  }

  get ended(): boolean {
    return this.#child.exitCode !== null
  }

  /** Of all threads. The total is the scheduler's, in nanoseconds; the kernel tells user and system apart by its ticks only. */
  cpu(): Cpu {
    const task = `/proc/${this.#child.pid}/task`
    const total = readdirSync(task).reduce((sum, thread) => sum + Number(readFileSync(`${task}/${thread}/schedstat`, 'utf8').split(' ')[0]), 0) / 1000
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    const [user, system] = [Number(fields[11]), Number(fields[12])]
    const share = user + system === 0 ? 0 : user / (user + system)
    return { total, user: total * share, system: total * (1 - share) }
  }

  memory(): Memory {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    const kb = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
    return { rssMb: kb('VmRSS') / 1024, unsharedMb: (kb('RssAnon') + kb('RssShmem')) / 1024 }
  }

  /** Milliseconds of every garbage collection that `--trace-gc` has told of since the last call. */
  takePauses(): number[] {
    const pauses = [...this.output.matchAll(/(?:Scavenge|Mark-Compact|Minor).*?([\d.]+) \/ [\d.]+ ms/g)].map((match) => Number(match[1]))
    this.output = ''
    return pauses
  }

  async stop(): Promise<void> {
    if (this.ended) return
    this.#child.kill('SIGTERM')
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), 3000)
    await once(this.#child, 'exit')
    clearTimeout(killer)
  }
}
