import type { Clock } from './clock.ts'

/** What is written to a stream within one turn of the event loop leaves in one system call. */
export class WriteBatch {
  readonly #stream: { cork(): void; uncork(): void }
  readonly #clock: Clock
  #held = false

  constructor(stream: { cork(): void; uncork(): void }, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
  }

  /** Call before a write. */
  hold(): void {
    if (this.#held) return
    this.#held = true
    this.#stream.cork()
    this.#clock.soon(() => {
      this.#held = false
      this.#stream.uncork()
    })
  }
}
