import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Host } from './host.ts'
import type { Resident } from './resident.ts'

/** As shells say it of a program that SIGINT ended. */
const INTERRUPTED = 130

/**
 * Plays a demo, and takes away what it made however it ends: done, failed, interrupted, or with nobody left who reads its output.
 * `stay`: go on until interrupted. What even SIGKILL of this process ends are the programs, see `Resident.start`.
 */
export async function play(act: (scene: Scene) => Promise<number>, { stay }: { readonly stay: boolean }): Promise<never> {
  const scene = new Scene()
  const interrupted = interruption()
  let status = 1
  try {
    status = await Promise.race([act(scene), interrupted.then(() => INTERRUPTED)])
    if (stay && status !== INTERRUPTED) await interrupted
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  }
  await scene.close()
  process.exit(status)
}

/** What a demo has made so far. */
export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'hearth-demo-'))
  readonly #hosts: Host[] = []
  readonly #residents: Promise<Resident>[] = []

  async host(name: string): Promise<Host> {
    const host = await Host.open(name)
    this.#hosts.push(host)
    return host
  }

  async resident(starting: Promise<Resident>): Promise<void> {
    this.#residents.push(starting)
    await starting
  }

  async close(): Promise<void> {
    for (const starting of this.#residents.toReversed()) await starting.then((resident) => resident.stop(), () => {})
    for (const host of this.#hosts) await host.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Holds the process until it is told to end, or has nobody to tell anything. */
function interruption(): Promise<void> {
  const hold = setInterval(() => {}, 1 << 30)
  return new Promise((resolve) => {
    const end = () => {
      clearInterval(hold)
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
    for (const stream of [process.stdout, process.stderr]) stream.on('error', end)
  })
}
