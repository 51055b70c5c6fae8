import { formatIp, unmapIp } from '../../base/ip.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import { decodeSocketAddress, SOCKET_ADDRESS_BYTES } from '../../native/socket-address.ts'
import { readName, type Name } from '../../wire/name.ts'

/** Hits that are kept of one half; of more, these are a random choice. */
const KEPT = 128
/** Words of one: rcode, sockaddr, name. */
const AT = { RCODE: 0, ADDRESS: 1, NAME: 1 + SOCKET_ADDRESS_BYTES / 4 } as const
const NAME_WORDS = 64
const SAMPLE = AT.NAME + NAME_WORDS
/** Words of a half: how many hits there were, and the samples. */
const HALF = 1 + KEPT * SAMPLE
/** Before the halves: the turn that the worker shall be at. */
const HALVES = 1

/**
 * Who was answered with what by a packet worker: of its hits a random few, for those who look at names and clients. The worker writes one half
 * while the main thread reads the other, which the worker has left a whole look before: no batch lasts that long. Which hits are kept
 * is decided without a look at each: a gap is drawn to the next one (Li's algorithm L, 1994).
 */
export class HitSamples {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #random: () => number
  /** The worker's, which is at no turn when it starts. */
  #turn = -1
  #half = 0
  /** Number of the hit that is kept next, and how likely others still are to be. */
  #next = 0
  #chance = 1

  constructor(buffer = new SharedArrayBuffer((HALVES + 2 * HALF) * 4), random: () => number = Math.random) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#bytes = new Uint8Array(buffer)
    this.#random = random
  }

  /** The worker's: before each batch. */
  follow(): void {
    const turn = Atomics.load(this.#words, 0)
    if (turn === this.#turn) return
    this.#turn = turn
    this.#half = HALVES + (turn & 1) * HALF
    this.#words[this.#half] = 0
    this.#next = 0
    this.#chance = 1
  }

  /** The worker's: a hit of the client whose sockaddr begins at word `address` of `words`. */
  hit(question: QuickQuestion, rcode: number, words: Int32Array, address: number): void {
    const number = this.#words[this.#half]!++
    if (number === this.#next) this.#keep(number, question, rcode, words, address)
  }

  /** The main thread's: tells of the half before, each sample with the number of hits that it stands for, and sends the worker there. */
  take(tell: (name: Name, client: string, rcode: number, hits: number) => void): void {
    const turn = Atomics.load(this.#words, 0)
    const half = HALVES + ((turn + 1) & 1) * HALF
    const hits = this.#words[half]!
    const kept = Math.min(hits, KEPT)
    for (let i = 0; i < kept; i++) {
      const at = half + 1 + i * SAMPLE
      const { address } = decodeSocketAddress(this.#bytes, (at + AT.ADDRESS) * 4)
      tell(readName(this.#bytes, (at + AT.NAME) * 4).name, formatIp(unmapIp(address)), this.#words[at + AT.RCODE]!, Math.floor(((i + 1) * hits) / kept) - Math.floor((i * hits) / kept))
    }
    this.#words[half] = 0
    Atomics.store(this.#words, 0, (turn + 1) | 0)
  }

  #keep(number: number, question: QuickQuestion, rcode: number, words: Int32Array, address: number): void {
    const at = this.#half + 1 + (number < KEPT ? number : Math.floor(this.#random() * KEPT)) * SAMPLE
    this.#words[at + AT.RCODE] = rcode
    for (let word = 0; word < SOCKET_ADDRESS_BYTES / 4; word++) this.#words[at + AT.ADDRESS + word] = words[address + word]!
    for (let word = 0; word < (question.nameLength + 3) >> 2; word++) this.#words[at + AT.NAME + word] = question.nameWords[word]!
    this.#next = number + 1
    if (this.#next < KEPT) return
    this.#chance *= Math.exp(Math.log(1 - this.#random()) / KEPT)
    this.#next += Math.floor(Math.log(1 - this.#random()) / Math.log(1 - this.#chance))
  }
}
