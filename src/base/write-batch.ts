import type { Clock } from './clock.ts'

/** What is written to a stream within one turn of the event loop leaves in one system call. */
export class WriteBatch {
  readonly #stream: { cork(): void; uncork(): void }
  readonly #clock: Clock
  readonly #flushed: () => void
  #held = false

  /** `flushed` is called after each time that what was held has been handed to the system. */
  constructor(stream: { cork(): void; uncork(): void }, clock: Clock, flushed: () => void = () => {}) {
    this.#stream = stream
    this.#clock = clock
    this.#flushed = flushed
  }

  /** Call before a write. */
  hold(): void {
    if (this.#held) return
    this.#held = true
    this.#stream.cork()
    this.#clock.soon(() => {
      this.#held = false
      this.#stream.uncork()
      this.#flushed()
    })
  }
}
