const LENGTH_BYTES = 2

/** Splits a TCP byte stream into messages with a two-octet length before each (RFC 1035 4.2.2). Holds one partial message. */
export class FrameReader {
  #chunks: Uint8Array[] = []
  #held = 0
  /** Octets that must be held before looking again, so that a stream of single octets is not joined over and over. */
  #needed = LENGTH_BYTES

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
  }

  /** The next whole message, or undefined until more has arrived. The octets may share memory with the chunk pushed. */
  next(): Uint8Array | undefined {
    if (this.#held < this.#needed) return undefined
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const end = LENGTH_BYTES + ((bytes[0]! << 8) | bytes[1]!)
    if (this.#held < end) {
      this.#keep(bytes, end)
      return undefined
    }
    this.#keep(bytes.subarray(end), LENGTH_BYTES)
    return bytes.subarray(LENGTH_BYTES, end)
  }

  #keep(bytes: Uint8Array, needed: number): void {
    this.#chunks = bytes.length > 0 ? [bytes] : []
    this.#held = bytes.length
    this.#needed = needed
  }
}
