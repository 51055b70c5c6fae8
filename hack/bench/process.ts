import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** Ticks of /proc/PID/stat a second: USER_HZ, which is 100 wherever Linux runs Node. */
const TICKS_PER_SECOND = 100

/** A program bound to one core. */
export class Pinned {
  readonly #child: ChildProcess
  output = ''

  constructor(core: number, command: readonly string[]) {
    this.#child = spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) stream.on('data', (chunk: Buffer) => { this.output = (this.output + chunk.toString()).slice(-100_000) })
  }

  get ended(): boolean {
    return this.#child.exitCode !== null
  }

  /** CPU time of all its threads so far, user and system. */
  cpuMicroseconds(): number {
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6
  }

  residentMegabytes(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))![1]) / 1024
  }

  /** Memory of its own: what cannot be shared with another process of the same program. */
  unsharedMegabytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return (Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) + Number(/RssShmem:\s+(\d+)/.exec(status)?.[1] ?? 0)) / 1024
  }

  async stop(): Promise<void> {
    if (this.ended) return
    this.#child.kill('SIGTERM')
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), 3000)
    await once(this.#child, 'exit')
    clearTimeout(killer)
  }
}
