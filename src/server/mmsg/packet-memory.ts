/**
 * The packet cache's shared memory: an index, and slots with one reply each. Slots are used from the first one on, so that memory is
 * taken only as replies come; a place in the index says in which slot a hash is.
 */
export const SLOT_BYTES = 640
export const SLOT_WORDS = SLOT_BYTES / 4
/** Places that a hash can be in: a line of the processor's cache. */
export const WAYS = 8
/** Words of a place: the hash, and its slot plus one, or 0 for none. */
export const PLACE_WORDS = 2

/** Words of a slot. Those from HITS on change without the version; the others only while it is odd. */
export const WORD = {
  VERSION: 0,
  SCOPE: 2,
  /** Octets of the name, and of all records in the upper half. */
  LENGTHS: 3,
  /** Type, DO, CD; see `keyFlags`. */
  KEY: 4,
  /** Flags of the reply in the upper half, as they lie in memory; `MARK`s in the lower. */
  FLAGS: 5,
  /** Words 1 and 2 of the reply: the sections' counts. */
  COUNTS: 6,
  /** What TTLs are at the time of storing; -1 when they stay as they are. */
  TTL: 8,
  /** How many TTLs, addresses, and octets an address record has (8 bits, 8 bits, 16 bits). */
  POSITIONS: 9,
  /** The largest UDP size that counts, and the row of counters in the upper half. */
  LIMIT_ROW: 10,
  /** A pause between hits after which `STREAK` begins anew, in milliseconds; 0 when nobody asks for it. */
  PAUSE: 11,
  HITS: 12,
  STREAK: 13,
  /** 1 when `STREAK` began anew. */
  ANEW: 1,
  CONTENT: 20,
} as const
/** Doubles of a slot: when it is over, when it was stored, when it was last used. */
export const DOUBLE = { UNTIL: 7, STORED: 8, LAST_HIT: 9 } as const
/** The reply has AD for those who ask for it; it says that there is nothing. */
export const MARK = { AUTHENTIC: 1, DENIAL: 2 } as const
/** Behind `CONTENT`: the name, 16-bit positions of TTLs and address records, the records; each from a whole word on. */
export const CONTENT_BYTES = SLOT_BYTES - WORD.CONTENT * 4

export class PacketMemory {
  readonly buffer: SharedArrayBuffer
  readonly slots: number
  readonly buckets: number
  readonly words: Int32Array
  readonly halves: Uint16Array
  readonly bytes: Uint8Array
  readonly doubles: Float64Array
  readonly index: Int32Array

  /** With a number: new, for so many slots, a power of two. With a buffer: another thread's view. */
  constructor(memory: number | SharedArrayBuffer) {
    this.slots = typeof memory === 'number' ? memory : memory.byteLength / (SLOT_BYTES + 16)
    this.buffer = typeof memory === 'number' ? new SharedArrayBuffer(memory * (SLOT_BYTES + 16)) : memory
    this.buckets = (this.slots * 2) / WAYS
    this.words = new Int32Array(this.buffer)
    this.halves = new Uint16Array(this.buffer)
    this.bytes = new Uint8Array(this.buffer)
    this.doubles = new Float64Array(this.buffer)
    this.index = new Int32Array(this.buffer, this.slots * SLOT_BYTES)
  }

  /** Where in `index` the places of a hash begin. */
  bucket(hash: number): number {
    return (hash & (this.buckets - 1)) * WAYS * PLACE_WORDS
  }
}
