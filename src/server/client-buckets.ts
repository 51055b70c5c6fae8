/** Queries a second beyond what caches answer that every client may go on asking while there is too much to do. */
export const FAIR_PER_SECOND = 500
/** Refusals a second that a client gets; what it sends beyond is not worth an answer. */
export const REFUSALS_PER_SECOND = 500
/** Clients share slots when there are more of them than slots: memory is fixed, whoever sends from however many addresses. */
const SLOTS = 4096

/** A token bucket per client address, in a table of fixed size. */
export class ClientBuckets {
  readonly #perSecond: number
  readonly #seed: number
  readonly #tokens: Float64Array
  readonly #filledMs = new Float64Array(SLOTS)

  /** A client may do `perSecond` in a second, all of it at once after a second of rest. `seed` is random, so that nobody can aim at another's slot. */
  constructor(perSecond: number, seed: number) {
    this.#perSecond = perSecond
    this.#seed = seed
    this.#tokens = new Float64Array(SLOTS).fill(perSecond)
  }

  /** True when there was a token. */
  take(address: string, nowMs: number): boolean {
    let hash = 0
    for (let i = 0; i < address.length; i++) hash = mix(hash, address.charCodeAt(i))
    return this.takeHash(hash, nowMs)
  }

  /** The same for a client known by a number. */
  takeHash(client: number, nowMs: number): boolean {
    const hash = mix(this.#seed, client)
    const slot = ((hash ^ (hash >>> 13)) >>> 0) % SLOTS
    const tokens = Math.min(this.#perSecond, this.#tokens[slot]! + ((nowMs - this.#filledMs[slot]!) / 1000) * this.#perSecond)
    this.#filledMs[slot] = nowMs
    this.#tokens[slot] = Math.max(0, tokens - 1)
    return tokens >= 1
  }
}

export function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x5bd1e995)
  return mixed ^ (mixed >>> 15)
}
