import { spawn, type ChildProcess } from 'node:child_process'
import { ENDS_WITH_US, stop } from './host.ts'

const START_TIMEOUT_MS = 90_000
const KEPT_BYTES = 64 * 1024

/** A program of the demo that runs until stopped; what it prints is kept, and shown when it fails. */
export class Resident {
  readonly name: string
  readonly child: ChildProcess
  #output = ''

  private constructor(name: string, child: ChildProcess) {
    this.name = name
    this.child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => { this.#output = (this.#output + chunk.toString()).slice(-KEPT_BYTES) })
    }
  }

  /** In this namespace, with this Node; not longer than this process. */
  static spawn(name: string, args: readonly string[], environment: Readonly<Record<string, string>>, ready: RegExp): Promise<Resident> {
    return Resident.start(name, spawn('setpriv', [...ENDS_WITH_US, process.execPath, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } }), ready)
  }

  /** Waits until the output matches. Rejects with the output when the program ends or takes too long. */
  static async start(name: string, child: ChildProcess, ready: RegExp): Promise<Resident> {
    const resident = new Resident(name, child)
    const end = Date.now() + START_TIMEOUT_MS
    while (!ready.test(resident.#output)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} ended:\n${resident.#output}`)
      if (Date.now() > end) {
        await stop(child)
        throw new Error(`${name} was not ready after ${START_TIMEOUT_MS / 1000} s:\n${resident.#output}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return resident
  }

  get output(): string {
    return this.#output
  }

  stop(): Promise<void> {
    return stop(this.child)
  }
}
