/**
 * HalfSipHash-1-3 (Aumasson and Bernstein): 32 bits of a keyed hash, so that nobody who chooses the names chooses the collisions.
 * Made for tables; no message authentication.
 */
export class KeyedHash {
  readonly #k0: number
  readonly #k1: number

  /** Two numbers of 32 bits that nobody else knows. */
  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0
    this.#k1 = k1 | 0
  }

  /** Hash of `bytes[from..to)`, as a signed 32-bit integer. */
  of(bytes: Uint8Array, from: number, to: number): number {
    let v0 = this.#k0
    let v1 = this.#k1
    let v2 = this.#k0 ^ 0x6c796765
    let v3 = this.#k1 ^ 0x74656462
    const whole = to - ((to - from) & 3)
    // One round a word, then the last word with the length, then three rounds with 0xff mixed in: `left` counts those at the end.
    for (let at = from, left = 4; left > 0; at += 4) {
      let word = 0
      if (at < whole) word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
      else if (left === 4) {
        word = (to - from) << 24
        for (let i = to - 1; i >= whole; i--) word |= bytes[i]! << ((i - whole) << 3)
        left--
      } else {
        if (left === 3) v2 ^= 0xff
        left--
      }
      v3 ^= word
      v0 = (v0 + v1) | 0
      v1 = (v1 << 5 | v1 >>> 27) ^ v0
      v0 = v0 << 16 | v0 >>> 16
      v2 = (v2 + v3) | 0
      v3 = (v3 << 8 | v3 >>> 24) ^ v2
      v0 = (v0 + v3) | 0
      v3 = (v3 << 7 | v3 >>> 25) ^ v0
      v2 = (v2 + v1) | 0
      v1 = (v1 << 13 | v1 >>> 19) ^ v2
      v2 = v2 << 16 | v2 >>> 16
      v0 ^= word
    }
    return v1 ^ v3
  }
}
