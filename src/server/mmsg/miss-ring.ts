import { ENVELOPE_WORDS, type Datagrams } from '../../native/datagrams.ts'
import { Control } from './control.ts'

/** Octets that wait for the main thread; a burst beyond is dropped and counted. A power of two. */
const RING_BYTES = 1024 * 1024
const MASK = RING_BYTES - 1
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
  /** Main: the packet at the tail, in `bytes`; its socket; its envelope, in `words`. */
  packetAt = 0
  packetLength = 0
  socket = 0
  envelopeAt = 0
  #next = 0

  constructor(control: Control, buffer = new SharedArrayBuffer(RING_BYTES)) {
    this.#control = control
    this.buffer = buffer
    this.words = new Int32Array(buffer)
    this.bytes = new Uint8Array(buffer)
  }

  /**
   * Worker: writes datagram `i` of a row behind `head` and gives the position behind it, or `head` itself when there is no room. The
   * main thread sees it with `publish`. Positions wrap at 32 bits.
   */
  push(head: number, socket: number, row: Datagrams, i: number): number {
    const length = row.received(i)
    const size = HEADER_WORDS * 4 + ((length + 3) & ~3)
    const rest = RING_BYTES - (head & MASK)
    const start = rest < size ? (head + rest) | 0 : head
    if (((start - this.#control.tail) | 0) + size > RING_BYTES) return head
    if (start !== head) this.words[(head & MASK) >> 2] = SKIP
    const at = (start & MASK) >> 2
    this.words[at] = length
    this.words[at + 1] = socket
    row.writeEnvelope(i, this.words, at + 2)
    const { words } = row.memory
    for (let word = 0, from = row.data(i) >> 2, to = at + HEADER_WORDS; word < (length + 3) >> 2; word++) this.words[to + word] = words[from + word]!
    return (start + size) | 0
  }

  /** Worker: shows what has been pushed up to `head`, and wakes the main thread if it sleeps. */
  publish(head: number): void {
    this.#control.head = head
    Atomics.notify(this.#control.words, Control.HEAD)
  }

  /** Main: looks at the oldest one. False when there is none. What it finds stays good until `release`. */
  peek(): boolean {
    const { tail } = this.#control
    if (tail === this.#control.head) return false
    let at = (tail & MASK) >> 2
    let start = tail
    if (this.words[at] === SKIP) {
      start = (tail + RING_BYTES - (tail & MASK)) | 0
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
    this.#control.tail = this.#next
  }
}
