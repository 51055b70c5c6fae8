import type { Message } from '../wire/message.ts'
import { lowerName } from '../wire/name.ts'

/** Queries that wait for another's answer; the next ones ask for themselves. */
const WAITERS_LIMIT = 1000

/** One who wants a question answered. */
export interface Wanting<T> {
  /** Asks; `done` must follow once. */
  ask(done: (outcome: T) => void): void
  good(outcome: T): boolean
  /** `shared`: others get the same outcome. */
  done(outcome: T, shared: boolean): void
}

interface Flight<T> {
  readonly waiting: Wanting<T>[]
  /** An outcome that is not good has made one of those who waited ask anew. */
  readonly second: boolean
}

/** Equal questions under way at the same time are asked once. */
export class Coalescer<T> {
  readonly #flights = new Map<string, Flight<T>>()

  /**
   * Without a key the question is asked for itself. An outcome that is not `good` may be the fault of the query that asked, so one of
   * those who waited asks anew, with its own deadline, and the others wait for that; what it comes to serves all.
   */
  run(key: string | undefined, wanting: Wanting<T>): void {
    const flight = key === undefined ? undefined : this.#flights.get(key)
    if (key === undefined || (flight !== undefined && flight.waiting.length >= WAITERS_LIMIT)) return wanting.ask((outcome) => wanting.done(outcome, false))
    if (flight !== undefined) flight.waiting.push(wanting)
    else this.#fly(key, wanting, { waiting: [], second: false })
  }

  #fly(key: string, leader: Wanting<T>, flight: Flight<T>): void {
    this.#flights.set(key, flight)
    leader.ask((outcome) => {
      this.#flights.delete(key)
      leader.done(outcome, flight.waiting.length > 0)
      const [next, ...others] = flight.waiting
      if (next === undefined) return
      if (flight.second || leader.good(outcome)) for (const wanting of flight.waiting) wanting.done(outcome, true)
      else this.#fly(key, next, { waiting: others, second: true })
    })
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
