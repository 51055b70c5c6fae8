import type { Message } from '../wire/message.ts'
import { lowerName } from '../wire/name.ts'

/** Queries that wait for another's answer; the next ones ask for themselves. */
const WAITERS_LIMIT = 1000

interface Flight<T> {
  readonly outcome: Promise<T>
  waiters: number
}

/** Equal questions under way at the same time are asked once. */
export class Coalescer<T> {
  readonly #flights = new Map<string, Flight<T>>()

  /**
   * Without a key the question is asked for itself. The outcome of an equal question under way, or of `ask`. An outcome that is not `good` may be the fault of the query that asked,
   * so one of those who waited asks anew, with its own deadline, and the others wait for that; what it comes to serves all.
   */
  async run(key: string | undefined, ask: () => Promise<T>, good: (outcome: T) => boolean): Promise<{ outcome: T; shared: boolean }> {
    if (key === undefined) return { outcome: await ask(), shared: false }
    for (let waits = 1, flight = this.#flights.get(key); flight !== undefined && flight.waiters < WAITERS_LIMIT; waits++, flight = this.#flights.get(key)) {
      flight.waiters++
      const outcome = await flight.outcome
      if (good(outcome) || waits === 2) return { outcome, shared: true }
    }
    if (this.#flights.has(key)) return { outcome: await ask(), shared: false }
    const flight: Flight<T> = { outcome: ask(), waiters: 0 }
    this.#flights.set(key, flight)
    try {
      return { outcome: await flight.outcome, shared: false }
    } finally {
      this.#flights.delete(key)
    }
  }
}

/** What makes two requests equal to an upstream: all that is sent but the id. Undefined for requests that carry records. */
export function coalescingKey(request: Message, protocol: string): string | undefined {
  const question = request.questions[0]!
  if (request.answers.length + request.authorities.length + request.additionals.length > 0 || request.opcode !== 0) return undefined
  const { edns } = request
  const options = edns?.options.map((option) => `${option.code}:${Buffer.from(option.data).toString('latin1')}`).join(',')
  const flags = (request.rd ? 1 : 0) | (request.ad ? 2 : 0) | (request.cd ? 4 : 0) | (edns?.do === true ? 8 : 0)
  return `${lowerName(question.name)} ${question.type} ${question.class} ${flags} ${protocol} ${edns === undefined ? '-' : `${edns.udpSize} ${edns.z} ${options}`}`
}
