import type { Random } from '../core/env.ts'
import type { Exchange } from './exchange.ts'
import type { UpstreamError } from './failure.ts'

/** Questions under way on one socket or connection, by message id. */
export class Pending {
  readonly #waiting = new Map<number, Exchange>()
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Gives it an unguessable id that is not in use. */
  add(exchange: Exchange): void {
    let id = this.#random.int(0x10000)
    while (this.#waiting.has(id)) id = (id + 1) & 0xffff
    exchange.id = id
    this.#waiting.set(id, exchange)
  }

  get(id: number): Exchange | undefined {
    return this.#waiting.get(id)
  }

  /** The one that has waited longest. */
  get oldest(): Exchange | undefined {
    return this.#waiting.values().next().value
  }

  all(): readonly Exchange[] {
    return [...this.#waiting.values()]
  }

  /** True when it was there. */
  remove(exchange: Exchange): boolean {
    return this.#waiting.get(exchange.id) === exchange && this.#waiting.delete(exchange.id)
  }

  failAll(error: UpstreamError): void {
    for (const exchange of this.all()) if (this.remove(exchange)) exchange.asker.failed(error, exchange)
  }
}

/** Octets of a request under an id, in memory of their own. */
export function withId(packet: Uint8Array, id: number): Uint8Array {
  // Out of Node's pool of small buffers: memory of its own costs more than the copy.
  const copy = Buffer.allocUnsafe(packet.length)
  for (let i = 2; i < packet.length; i++) copy[i] = packet[i]!
  copy[0] = id >> 8
  copy[1] = id & 0xff
  return copy
}

export function idOf(packet: Uint8Array): number {
  return (packet[0]! << 8) | packet[1]!
}
