import type { Timer } from '../base/clock.ts'
import type { Random } from '../core/env.ts'
import { decodeMessage } from '../wire/decode.ts'
import { Message, WireError } from '../wire/message.ts'
import { answersQuestion } from './match.ts'

/** A question under way on a socket or connection. */
export interface Waiting {
  readonly request: Message
  readonly sentMs: number
  resolve(reply: Message): void
  reject(error: Error): void
  timer: Timer | undefined
  /** Answers with the right id and a wrong question. */
  mismatches: number
}

/** Questions under way by message id. */
export class Pending {
  readonly #waiting = new Map<number, Waiting>()
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  get size(): number {
    return this.#waiting.size
  }

  /** An unguessable id that is not in use. */
  add(waiting: Waiting): number {
    let id = this.#random.int(0x10000)
    while (this.#waiting.has(id)) id = (id + 1) & 0xffff
    this.#waiting.set(id, waiting)
    return id
  }

  get(id: number): Waiting | undefined {
    return this.#waiting.get(id)
  }

  /** The id that has waited longest. */
  get oldest(): number | undefined {
    return this.#waiting.keys().next().value
  }

  take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    waiting?.timer?.cancel()
    return waiting
  }

  failAll(error: Error): void {
    for (const id of this.#waiting.keys()) this.take(id)!.reject(error)
  }
}

/** What octets from an upstream mean for the question that waits under their id. */
export type Reading =
  | { readonly kind: 'answer'; readonly message: Message }
  /** A reply, but to another question. */
  | { readonly kind: 'mismatch'; readonly message: Message }
  | { readonly kind: 'garbage' }

export function readReply(bytes: Uint8Array, request: Message): Reading {
  try {
    const message = decodeMessage(bytes)
    return { kind: answersQuestion(request, message) ? 'answer' : 'mismatch', message }
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    // Cut off in the middle: what was meant is that there is more than fits.
    if (error.code === 'short' && error.partial !== undefined && answersQuestion(request, error.partial)) return { kind: 'answer', message: cutOff(error.partial) }
    return { kind: 'garbage' }
  }
}

function cutOff(partial: Message): Message {
  const message = Object.assign(new Message(), partial)
  message.answers = []
  message.authorities = []
  message.additionals = []
  message.tc = true
  return message
}
