import type { Clock } from './clock.ts'

/**
 * Long work in short pieces, so that whoever else shares the thread waits no longer than one of them. All work that may come together
 * shares one of these.
 *
 *     for (const item of many) { const pause = slices.pause(); if (pause !== undefined) await pause; work(item) }
 */
export class Slices {
  readonly #clock: Clock
  readonly #pieceMs: number
  #startMs = 0
  #turn: Promise<void> | undefined

  constructor(clock: Clock, pieceMs: number) {
    this.#clock = clock
    this.#pieceMs = pieceMs
  }

  /** Undefined while the present piece may go on, else what to wait for before the next: sockets and timers come first. */
  pause(): Promise<void> | undefined {
    if (this.#turn !== undefined) return this.#turn
    if (this.#clock.nowMs() - this.#startMs < this.#pieceMs) return undefined
    this.#turn = new Promise((resolve) => {
      this.#clock.soon(() => {
        this.#turn = undefined
        this.#startMs = this.#clock.nowMs()
        resolve()
      })
    })
    return this.#turn
  }
}
