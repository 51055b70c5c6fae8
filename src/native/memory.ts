/**
 * Octets outside of JavaScript's heap. They never move, so that structures in them can point at each other and at what a system
 * call fills. Offsets are in octets and aligned to what is written.
 */
export class Memory {
  readonly base: number
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly #view: DataView

  constructor(base: number, buffer: ArrayBuffer) {
    this.base = base
    this.bytes = new Uint8Array(buffer)
    // Whole words only: a size that is no multiple of four has octets behind the last.
    this.words = new Int32Array(buffer, 0, buffer.byteLength >> 2)
    this.#view = new DataView(buffer)
  }

  /** What a pointer to `offset` is. */
  address(offset: number): number {
    return this.base + offset
  }

  /** Writes a pointer or size_t. */
  setLong(offset: number, value: number): void {
    this.#view.setBigUint64(offset, BigInt(value), true)
  }

  setShort(offset: number, value: number): void {
    this.#view.setUint16(offset, value, true)
  }
}
