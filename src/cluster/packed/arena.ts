/** A place in an arena: which chunk, and where in it. 0 is no place. */
export type Ref = number

const CHUNK_BITS = 20
const CHUNK_BYTES = 1 << CHUNK_BITS
const OFFSET_MASK = CHUNK_BYTES - 1
/** A Ref has 32 bits. */
const CHUNKS_LIMIT = 1 << (32 - CHUNK_BITS)
const CLASSES = 72

/**
 * Memory for small records outside of the JavaScript heap, where they cost their octets and no garbage collection. Freed places are
 * kept by size and given out again. A record never crosses a chunk; one larger than a chunk has one of its own.
 */
export class Arena {
  /** The first is none, so that no place is 0. */
  readonly #chunks: Buffer[] = [Buffer.alloc(0)]
  /** First free place of each size class; the next one stands in its first four octets. */
  readonly #free = new Uint32Array(CLASSES)
  readonly #freeChunks: number[] = []
  #current = 0
  #at = CHUNK_BYTES

  /** Octets taken from the system. */
  get sizeBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  /** A place for at least `size` octets. What was there before is still there. */
  allocate(size: number): Ref {
    if (size > CHUNK_BYTES / 4) return this.#openChunk(size) * CHUNK_BYTES
    const klass = classOf(size)
    const free = this.#free[klass]!
    if (free !== 0) {
      this.#free[klass] = this.chunk(free).readUInt32LE(this.offset(free))
      return free
    }
    const bytes = classBytes(klass)
    if (this.#at + bytes > CHUNK_BYTES) {
      this.#current = this.#openChunk(CHUNK_BYTES)
      this.#at = 0
    }
    const ref = this.#current * CHUNK_BYTES + this.#at
    this.#at += bytes
    return ref
  }

  /** Gives back a place that was allocated with the same `size`. */
  release(ref: Ref, size: number): void {
    if (size > CHUNK_BYTES / 4) {
      this.#chunks[ref >>> CHUNK_BITS] = Buffer.alloc(0)
      this.#freeChunks.push(ref >>> CHUNK_BITS)
      return
    }
    const klass = classOf(size)
    this.chunk(ref).writeUInt32LE(this.#free[klass]!, this.offset(ref))
    this.#free[klass] = ref
  }

  /** The memory in which a place is. Not to be kept: another `allocate` may reuse the place. */
  chunk(ref: Ref): Buffer {
    return this.#chunks[ref >>> CHUNK_BITS]!
  }

  /** Where in its chunk a place begins. */
  offset(ref: Ref): number {
    return ref & OFFSET_MASK
  }

  #openChunk(size: number): number {
    const index = this.#freeChunks.pop() ?? this.#chunks.length
    if (index >= CHUNKS_LIMIT) throw new RangeError(`an index of more than ${CHUNKS_LIMIT * CHUNK_BYTES} octets`)
    // Never Buffer.allocUnsafe: untouched pages of zeroes cost nothing.
    this.#chunks[index] = Buffer.alloc(size)
    return index
  }
}

/** Up to 256 octets in steps of 8, then four steps to each doubling: at most a fifth of a place is unused. */
function classOf(size: number): number {
  if (size <= 256) return Math.max(0, (size + 7 >> 3) - 1)
  const exponent = 31 - Math.clz32(size - 1)
  return 32 + (exponent - 8) * 4 + ((size - 1) >> (exponent - 2)) - 4
}

function classBytes(klass: number): number {
  if (klass < 32) return (klass + 1) * 8
  const exponent = 8 + (klass - 32 >> 2)
  return (((klass - 32) & 3) + 5) << (exponent - 2)
}
