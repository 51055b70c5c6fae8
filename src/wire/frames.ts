const LENGTH_BYTES = 2
const NOTHING = new Uint8Array(0)

/** Splits a TCP byte stream into messages with a two-octet length before each (RFC 1035 4.2.2). Holds one partial message. */
export class FrameReader {
  /** What has come and is not taken yet: `#bytes` from `#at` on, and the chunks behind it. */
  #bytes: Uint8Array = NOTHING
  #at = 0
  #more: Uint8Array[] = []
  #held = 0
  /** Octets that must be held before looking again, so that a stream of single octets is not joined over and over. */
  #needed = LENGTH_BYTES

  /** Octets of messages that have not been taken or are not complete. */
  get held(): number {
    return this.#held
  }

  push(chunk: Uint8Array): void {
    if (this.#held === 0) {
      this.#bytes = chunk
      this.#at = 0
    } else this.#more.push(chunk)
    this.#held += chunk.length
  }

  /** The next whole message, or undefined until more has arrived. The octets may share memory with the chunk pushed. */
  next(): Uint8Array | undefined {
    if (this.#held < this.#needed) return undefined
    if (this.#more.length > 0) this.#join()
    const start = this.#at + LENGTH_BYTES
    const length = (this.#bytes[this.#at]! << 8) | this.#bytes[this.#at + 1]!
    this.#needed = LENGTH_BYTES + length
    if (this.#held < this.#needed) return undefined
    this.#held -= this.#needed
    this.#at = start + length
    this.#needed = LENGTH_BYTES
    const message = this.#bytes.subarray(start, start + length)
    if (this.#held === 0) this.#bytes = NOTHING
    return message
  }

  #join(): void {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), ...this.#more])
    this.#at = 0
    this.#more = []
  }
}
