import type { Clock } from './clock.ts'

const FIRST_BYTES = 1024
/** A larger buffer is not kept for the next time. */
const KEPT_BYTES = 64 * 1024

/** Messages for a stream, each with a two-octet length before it, written in one piece when what is ready now has been dealt with. */
export class FrameBatch {
  readonly #stream: { write(bytes: Uint8Array): unknown }
  readonly #clock: Clock
  readonly #flushed: () => void
  #buffer = Buffer.alloc(0)
  #used = 0
  #planned = false

  /** `flushed` is called after each write of a turn. */
  constructor(stream: { write(bytes: Uint8Array): unknown }, clock: Clock, flushed: () => void = () => {}) {
    this.#stream = stream
    this.#clock = clock
    this.#flushed = flushed
  }

  /** Octets that wait to be written. */
  get held(): number {
    return this.#used
  }

  /** Takes the first `length` octets of a message, and with `id` gives it another id. The message's memory is free afterwards. */
  push(message: Uint8Array, length = message.length, id = -1): void {
    if (!this.#planned) this.#clock.soon(this.#run)
    this.#planned = true
    this.#reserve(length + 2)
    const buffer = this.#buffer
    let at = this.#used
    buffer[at++] = length >> 8
    buffer[at++] = length & 0xff
    // Messages are short: a loop is faster than a view and `set`, and makes nothing.
    for (let i = 0; i < length; i++) buffer[at + i] = message[i]!
    if (id >= 0) {
      buffer[at] = id >> 8
      buffer[at + 1] = id & 0xff
    }
    this.#used = at + length
  }

  /** Writes what is held now, for who is about to end the stream. */
  flush(): void {
    if (this.#used === 0) return
    // The stream may hold on to what it could not write at once, so that memory is not ours any more.
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#used))
    this.#used = 0
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.alloc(0)
    this.#stream.write(bytes)
  }

  #reserve(octets: number): void {
    if (this.#used + octets <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * this.#buffer.length, this.#used + octets))
    larger.set(this.#buffer.subarray(0, this.#used))
    this.#buffer = larger
  }

  readonly #run = (): void => {
    this.#planned = false
    this.flush()
    this.#flushed()
  }
}
