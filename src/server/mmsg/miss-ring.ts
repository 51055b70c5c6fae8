import { ENVELOPE_WORDS, type Datagrams } from '../../native/datagrams.ts'
import type { Control, RingName } from './control.ts'

/**
 * Octets that wait for the main thread; a burst beyond is not taken. Powers of two. What is beyond a client's share waits in a short
 * one, so that it is answered before its client has given up, or not at all.
 */
const RING_BYTES = { fair: 1024 * 1024, excess: 256 * 1024 } as const
/** Length of the packet, number of its socket, envelope; then the packet, padded to whole words. */
const HEADER_WORDS = 2 + ENVELOPE_WORDS
/** In place of a length: the rest of the ring is empty, the next one is at its beginning. */
const SKIP = -1

/** Queries that the packet cache could not answer, from one worker to the main thread, in order and without locks. */
export class MissRing {
  readonly buffer: SharedArrayBuffer
  readonly words: Int32Array
  readonly bytes: Uint8Array
  readonly #control: Control
  readonly #name: RingName
  readonly #mask: number
  /** Main: the packet at the tail, in `bytes`; its socket; its envelope, in `words`. */
  packetAt = 0
  packetLength = 0
  socket = 0
  envelopeAt = 0
  #next = 0

  constructor(control: Control, name: RingName, buffer = new SharedArrayBuffer(RING_BYTES[name])) {
    this.#control = control
    this.#name = name
    this.#mask = buffer.byteLength - 1
    this.buffer = buffer
    this.words = new Int32Array(buffer)
    this.bytes = new Uint8Array(buffer)
  }

  /** Nothing waits in it. */
  get isEmpty(): boolean {
    return this.head === this.#control.tail(this.#name)
  }

  /** Behind the last packet that was published. */
  get head(): number {
    return this.#control.head(this.#name)
  }

  /**
   * Worker: writes datagram `i` of a row behind `head` and gives the position behind it, or `head` itself when there is no room. The
   * main thread sees it with `publish`. Positions wrap at 32 bits.
   */
  push(head: number, socket: number, row: Datagrams, i: number): number {
    const length = row.received(i)
    const size = HEADER_WORDS * 4 + ((length + 3) & ~3)
    const rest = this.#mask + 1 - (head & this.#mask)
    const start = rest < size ? (head + rest) | 0 : head
    if (((start - this.#control.tail(this.#name)) | 0) + size > this.#mask + 1) return head
    if (start !== head) this.words[(head & this.#mask) >> 2] = SKIP
    const at = (start & this.#mask) >> 2
    this.words[at] = length
    this.words[at + 1] = socket
    row.writeEnvelope(i, this.words, at + 2)
    const { words } = row.memory
    for (let word = 0, from = row.data(i) >> 2, to = at + HEADER_WORDS; word < (length + 3) >> 2; word++) this.words[to + word] = words[from + word]!
    return (start + size) | 0
  }

  /** Worker: shows what has been pushed up to `head`. */
  publish(head: number): void {
    this.#control.setHead(this.#name, head)
  }

  /** Main: looks at the oldest one. False when there is none. What it finds stays good until `release`. */
  peek(): boolean {
    const tail = this.#control.tail(this.#name)
    if (tail === this.head) return false
    let at = (tail & this.#mask) >> 2
    let start = tail
    if (this.words[at] === SKIP) {
      start = (tail + this.#mask + 1 - (tail & this.#mask)) | 0
      at = 0
    }
    this.packetLength = this.words[at]!
    this.socket = this.words[at + 1]!
    this.envelopeAt = at + 2
    this.packetAt = (at + HEADER_WORDS) * 4
    this.#next = (start + HEADER_WORDS * 4 + ((this.packetLength + 3) & ~3)) | 0
    return true
  }

  /** Main: the worker may write over what `peek` found. */
  release(): void {
    this.#control.setTail(this.#name, this.#next)
  }
}
