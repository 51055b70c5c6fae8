import { Datagrams, MSG, sendAll } from '../../native/datagrams.ts'
import type { Libc } from '../../native/libc.ts'

const BATCH = 64
const REPLY_BYTES = 4096
const REPLY_LIMIT_BYTES = 65_536

/** Replies of the main thread, sent together: those of one turn of the event loop, or of one run over the ring of misses. */
export class ReplyBatch {
  readonly #libc: Libc
  readonly #unsent: (count: number) => void
  readonly #row: Datagrams
  /** For one reply that does not fit the row. */
  readonly #large: Datagrams
  #fd = -1
  #count = 0
  #planned = false

  constructor(libc: Libc, unsent: (count: number) => void) {
    this.#libc = libc
    this.#unsent = unsent
    this.#row = new Datagrams(libc, BATCH, REPLY_BYTES)
    this.#large = new Datagrams(libc, 1, REPLY_LIMIT_BYTES)
  }

  /** Sends octets 0 to `length` of `reply` to where the envelope at `at` in `words` came from, with the next `flush`. */
  add(fd: number, words: Int32Array, at: number, reply: Uint8Array, length: number): void {
    if (length > REPLY_BYTES) return this.#sendLarge(fd, words, at, reply, length)
    if (fd !== this.#fd || this.#count === BATCH) this.flush()
    this.#fd = fd
    const i = this.#count++
    copy(reply, length, this.#row.memory.bytes, this.#row.data(i))
    this.#row.readEnvelope(i, words, at)
    this.#row.setLength(i, length)
  }

  /** Flushes once what is ready now has been dealt with. */
  flushSoon(): void {
    if (this.#planned) return
    this.#planned = true
    setImmediate(() => {
      this.#planned = false
      this.flush()
    })
  }

  flush(): void {
    if (this.#count === 0) return
    const unsent = sendAll(this.#libc, this.#fd, this.#row, this.#count, MSG.DONTWAIT)
    this.#count = 0
    if (unsent > 0) this.#unsent(unsent)
  }

  #sendLarge(fd: number, words: Int32Array, at: number, reply: Uint8Array, length: number): void {
    this.#large.memory.bytes.set(reply.subarray(0, length), this.#large.data(0))
    this.#large.readEnvelope(0, words, at)
    this.#large.setLength(0, length)
    const unsent = sendAll(this.#libc, fd, this.#large, 1, MSG.DONTWAIT)
    if (unsent > 0) this.#unsent(unsent)
  }
}

/** A loop is faster than a view and `set` for short replies, and makes nothing. */
function copy(from: Uint8Array, length: number, to: Uint8Array, at: number): void {
  for (let i = 0; i < length; i++) to[at + i] = from[i]!
}
