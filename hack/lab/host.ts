import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Operation } from './configure.ts'

const CONFIGURE = fileURLToPath(new URL('configure.ts', import.meta.url))
const run = promisify(execFile)
/** Arguments of setpriv before a command: SIGTERM for it when this process is gone, however that came. */
export const ENDS_WITH_US = ['--pdeathsig', 'TERM', '--'] as const

/** A host made of a network namespace. It lives as long as a small process that holds it, and that process as long as ours. */
export class Host {
  readonly name: string
  readonly #holder: ChildProcess
  readonly #children = new Set<ChildProcess>()

  private constructor(name: string, holder: ChildProcess) {
    this.name = name
    this.#holder = holder
  }

  /** Needs the right to make namespaces. */
  static async open(name: string): Promise<Host> {
    // cat ends when its input closes, which is when this process ends, however it does.
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const ready = await Promise.race([once(holder.stdout, 'data').then(() => true), once(holder, 'exit').then(() => false)])
    if (!ready) throw new Error(`cannot make a network namespace for ${name}: root or unprivileged user namespaces are needed`)
    return new Host(name, holder)
  }

  get pid(): number {
    return this.#holder.pid!
  }

  /** Does what must be done inside: links up, addresses, routes, rules. */
  async configure(operations: readonly Operation[]): Promise<void> {
    await this.exec(process.execPath, [CONFIGURE, JSON.stringify(operations)])
  }

  async exec(command: string, args: readonly string[]): Promise<string> {
    const { stdout } = await run('nsenter', this.#enter(command, args), { maxBuffer: 16 * 1024 * 1024 })
    return stdout
  }

  /** A process that runs inside until it ends, `close` is called, or this process is gone. Output is piped. */
  spawn(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn('nsenter', this.#enter('setpriv', [...ENDS_WITH_US, command, ...args]), { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
    this.#children.add(child)
    child.on('exit', () => this.#children.delete(child))
    return child
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => stop(child)))
    await stop(this.#holder)
  }

  #enter(command: string, args: readonly string[]): string[] {
    return [`--net=/proc/${this.pid}/ns/net`, '--', command, ...args]
  }
}

/** SIGTERM, and SIGKILL for what has not ended after ten seconds. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(hard)
}
