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

  /** `flushed` is called after each write. */
  constructor(stream: { write(bytes: Uint8Array): unknown }, clock: Clock, flushed: () => void = () => {}) {
    this.#stream = stream
    this.#clock = clock
    this.#flushed = flushed
  }

  /** Octets that wait to be written. */
  get held(): number {
    return this.#used
  }

  /** Takes a message, and with `id` gives it another id. The message's memory is free afterwards. */
  push(message: Uint8Array, id?: number): void {
    if (this.#used === 0) this.#clock.soon(this.#flush)
    this.#reserve(message.length + 2)
    const at = this.#used
    this.#buffer.writeUInt16BE(message.length, at)
    this.#buffer.set(message, at + 2)
    if (id !== undefined) this.#buffer.writeUInt16BE(id, at + 2)
    this.#used = at + 2 + message.length
  }

  #reserve(octets: number): void {
    if (this.#used + octets <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * this.#buffer.length, this.#used + octets))
    larger.set(this.#buffer.subarray(0, this.#used))
    this.#buffer = larger
  }

  readonly #flush = (): void => {
    // The stream may hold on to what it could not write at once, so that memory is not ours any more.
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#used))
    this.#used = 0
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.alloc(0)
    this.#stream.write(bytes)
    this.#flushed()
  }
}
