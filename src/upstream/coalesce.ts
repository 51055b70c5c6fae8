import type { Request } from './request.ts'
import { TYPE } from '../wire/codes.ts'

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
      if (flight.waiting.length === 0) return
      const [next, ...others] = flight.waiting as [Wanting<T>, ...Wanting<T>[]]
      if (flight.second || leader.good(outcome)) for (const wanting of flight.waiting) wanting.done(outcome, true)
      else this.#fly(key, next, { waiting: others, second: true })
    })
  }
}

/** Where a request's flags begin, and its counts of answers, authorities and additional records. */
const FLAGS_AT = 2
const COUNTS_AT = 6
const HEADER_BYTES = 12
const OPCODE = 0x78
/** Keys are made here; a longer request is asked for itself. */
const scratch = Buffer.alloc(1024)

/** What makes two requests equal to an upstream: all that is sent but the id and the letters' case. Undefined for requests that carry records. */
export function coalescingKey({ packet, questionEnd }: Request, overTcp: boolean): string | undefined {
  if (packet.length > scratch.length || !isPlain(packet, questionEnd)) return undefined
  scratch[0] = overTcp ? 1 : 0
  for (let i = FLAGS_AT; i < packet.length; i++) {
    const octet = packet[i]!
    scratch[i - 1] = i >= HEADER_BYTES && i < questionEnd - 4 && octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet
  }
  return scratch.toString('latin1', 0, packet.length - 1)
}

/** A query with a question and at most an OPT. */
function isPlain(packet: Uint8Array, questionEnd: number): boolean {
  if ((packet[FLAGS_AT]! & OPCODE) !== 0) return false
  for (let i = COUNTS_AT; i < HEADER_BYTES - 1; i++) if (packet[i] !== 0) return false
  const additionals = packet[HEADER_BYTES - 1]
  return additionals === 0 || (additionals === 1 && packet[questionEnd] === 0 && packet[questionEnd + 1] === 0 && packet[questionEnd + 2] === TYPE.OPT)
}
