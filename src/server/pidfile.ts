import { rmSync, utimesSync, writeFileSync } from 'node:fs'
import type { Clock, Timer } from '../base/clock.ts'

/** How often the file's time is renewed. */
const RENEW_MS = 5000

/**
 * Says which process serves, and, by the file's time, that it still does: a probe of the pod's own looks at a file that no other pod
 * has, and a process that hangs no longer renews it.
 */
export class Pidfile {
  readonly #path: string | undefined
  readonly #clock: Clock
  #renewal: Timer | undefined

  /** `path` undefined: nothing is written. A file that a killed predecessor left behind goes at once: it would say that we serve. */
  constructor(path: string | undefined, clock: Clock) {
    this.#path = path
    this.#clock = clock
    if (path !== undefined) rmSync(path, { force: true })
  }

  /** Throws the system's error. */
  write(): void {
    const path = this.#path
    if (path === undefined) return
    writeFileSync(path, `${process.pid}\n`)
    this.#renewal = this.#clock.every(RENEW_MS, () => renew(path))
  }

  remove(): void {
    this.#renewal?.cancel()
    if (this.#path !== undefined) rmSync(this.#path, { force: true })
  }
}

/** A file that somebody took away stays away: that is for its probes to see. */
function renew(path: string): void {
  try {
    utimesSync(path, new Date(), new Date())
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
