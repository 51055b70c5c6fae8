import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

const KEPT_BYTES = 1024 * 1024

/** A program under test: its output is kept, and it is stopped by its process. */
export class Program {
  readonly child: ChildProcess
  #output = ''

  private constructor(child: ChildProcess) {
    this.child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => { this.#output = (this.#output + chunk.toString()).slice(-KEPT_BYTES) })
    }
  }

  /** `command`: words separated by blanks. */
  static start(command: string, options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {}): Program {
    const [word, ...args] = command.split(/\s+/).filter((part) => part !== '')
    return new Program(spawn(word!, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(options.cwd === undefined ? {} : { cwd: options.cwd }), env: { ...process.env, ...options.env } }))
  }

  /** Standard output and standard error as they came. */
  get output(): string {
    return this.#output
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** The exit status, or undefined when it has not ended after `ms`. */
  async exit(ms: number): Promise<number | undefined> {
    if (!this.ended) {
      let timer: NodeJS.Timeout | undefined
      await Promise.race([once(this.child, 'exit'), new Promise((resolve) => { timer = setTimeout(resolve, ms) })])
      clearTimeout(timer)
    }
    if (this.ended) await new Promise((resolve) => setTimeout(resolve, 20))
    return this.child.exitCode ?? undefined
  }

  async stop(graceMs = 4000): Promise<void> {
    if (this.ended) return
    this.child.kill('SIGTERM')
    await this.exit(graceMs)
    if (!this.ended) {
      this.child.kill('SIGKILL')
      await once(this.child, 'exit')
    }
  }
}
