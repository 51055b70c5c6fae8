import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Libc } from '../native/libc.ts'

/** By then what the start needed is garbage. */
const AFTER_MS = 2000
/** A heap that has become so large in the start, by the index of a large cluster, is made small before queries make it larger. */
const LARGE_BYTES = 24 * 1024 * 1024
/** Above this a collection would pause queries for longer than memory is worth. */
const HEAP_LIMIT_BYTES = 32 * 1024 * 1024

/** How often what libc has free is looked at, and how much more the process must hold before that is worth a call (0.3 to 3 ms). */
const TRIM_MS = 1000
const TRIM_BYTES = 1024 * 1024

type Collect = (options: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' }) => void

/**
 * Gives back what only the start has needed: V8 keeps a young generation as large as it was at its busiest. Needs Node's `--expose-gc`,
 * which the images start with; without it nothing happens.
 */
export function settleMemory(clock: Clock, log: Log): void {
  const collect = (globalThis as { readonly gc?: Collect }).gc
  if (collect === undefined) return
  const settle = () => {
    if (process.memoryUsage().heapUsed > HEAP_LIMIT_BYTES) return
    const startMs = clock.nowMs()
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    log.debug(`memory of the start given back in ${(clock.nowMs() - startMs).toFixed(1)} ms`)
  }
  if (process.memoryUsage().heapTotal > LARGE_BYTES) settle()
  clock.after(AFTER_MS, settle)
}

/**
 * Gives the system what libc keeps free, as long as the process runs: buffers, compilers and parsers leave holes in each thread's arena.
 * Under a flood of new names, 22 MB less.
 */
export function trimMemory(clock: Clock, libc: Libc): void {
  let known = 0
  clock.every(TRIM_MS, () => {
    if (process.memoryUsage.rss() < known + TRIM_BYTES) return
    libc.trim()
    known = process.memoryUsage.rss()
  })
}
