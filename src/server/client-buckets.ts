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
    const slot = this.#slot(address)
    const tokens = Math.min(this.#perSecond, this.#tokens[slot]! + ((nowMs - this.#filledMs[slot]!) / 1000) * this.#perSecond)
    this.#filledMs[slot] = nowMs
    this.#tokens[slot] = Math.max(0, tokens - 1)
    return tokens >= 1
  }

  #slot(address: string): number {
    let hash = this.#seed
    for (let i = 0; i < address.length; i++) hash = Math.imul(hash ^ address.charCodeAt(i), 0x5bd1e995)
    return ((hash ^ (hash >>> 13)) >>> 0) % SLOTS
  }
}
