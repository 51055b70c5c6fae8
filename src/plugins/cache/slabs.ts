/** Octets that memory is taken for at once: what one piece that outlives all others keeps from being free. */
export const SLAB_BYTES = 1024
/** What is larger has memory of its own. */
const PIECE_BYTES = SLAB_BYTES / 4

/**
 * Memory for many small runs of octets that live about equally long: each in memory of its own would cost more than it holds. A slab is
 * free when all that was cut from it is, so that what lives longer than others must not be cut from the same one.
 */
export class Slabs {
  #slab: Uint8Array = new Uint8Array(0)
  #at = 0

  /** A copy of the first `length` octets. */
  copy(octets: Uint8Array, length: number): Uint8Array {
    if (length > PIECE_BYTES) return Uint8Array.prototype.slice.call(octets, 0, length)
    if (this.#at + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES)
      this.#at = 0
    }
    const copy = this.#slab.subarray(this.#at, this.#at + length)
    this.#at += length
    for (let i = 0; i < length; i++) copy[i] = octets[i]!
    return copy
  }
}
