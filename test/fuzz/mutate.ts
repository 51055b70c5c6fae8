/** Inputs near good ones: reproducible from a number, so that a failure can be run again. */
export class Mutator {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1
  }

  /** One to eight changes to a copy of `seed`. */
  mutate(seed: Uint8Array): Uint8Array {
    let bytes: Buffer = Buffer.from(seed)
    for (let i = 1 + this.#below(8); i > 0; i--) bytes = this.#change(bytes)
    return bytes
  }

  #change(bytes: Buffer): Buffer {
    const at = this.#below(bytes.length + 1)
    const length = this.#below(Math.min(16, bytes.length - at + 1))
    switch (this.#below(7)) {
      case 0: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
      case 1: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)])
      case 2: return bytes.subarray(0, at)
      case 3: return Buffer.concat([bytes.subarray(0, at), Buffer.from(Array.from({ length: 1 + this.#below(4) }, () => this.#below(256))), bytes.subarray(at)])
      case 4: return this.#set(bytes, at, [0, 0xff, 0x80, 0xc0, 0x7f, 1][this.#below(6)]!)
      case 5: return Buffer.concat([bytes.subarray(0, at), Buffer.from(this.#word()), bytes.subarray(at)])
      default: return this.#set(bytes, at, (bytes[at] ?? 0) ^ (1 << this.#below(8)))
    }
  }

  #set(bytes: Buffer, at: number, value: number): Buffer {
    const copy = Buffer.from(bytes)
    if (at < copy.length) copy[at] = value
    return copy
  }

  /** Pieces that grammars give a meaning. */
  #word(): string {
    const words = ['{', '}', '"', '\\', '\n', '{{', '}}', '(', ')', '[', ']', '*', '+', '?', '|', '^', '$', ',', ':', '::', '/', '-1', '0', '99999999999', 'null', 'import', '__proto__', 'constructor', '\\000', 'ü', '#', '&a', '*a', '---', '<<: ', '%', '.']
    return words[this.#below(words.length)]!
  }

  /** xorshift32. */
  #below(limit: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) % Math.max(1, limit)
  }
}
