import { sleep, systemClock } from '../base/clock.ts'

/** Whoever writes more often starves `iptables-nft-restore`, whose work begins anew when the rule set has changed meanwhile. */
const WRITE_GAP_MS = 250

/** Writes one after another, at most four a second, through however many sockets of one process. */
export class WritePace {
  #lastMs = Number.NEGATIVE_INFINITY
  #turn: Promise<unknown> = Promise.resolve()

  /** Runs `write` when it is its turn. Rejects as `write` does. */
  run(write: () => Promise<void>): Promise<void> {
    const run = this.#turn.then(async () => {
      const waitMs = this.#lastMs + WRITE_GAP_MS - systemClock.nowMs()
      if (waitMs > 0) await sleep(systemClock, waitMs)
      this.#lastMs = systemClock.nowMs()
      await write()
    })
    this.#turn = run.catch(() => undefined)
    return run
  }
}
