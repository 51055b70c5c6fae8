import { purityName, secondsOfPurity } from '../../cluster/purity.ts'
import type { Env } from '../../core/env.ts'
import type { Query } from '../../core/query.ts'
import { CLASS, TYPE } from '../../wire/codes.ts'
import type { Message, ResourceRecord } from '../../wire/message.ts'
import { isSubdomain, type Name } from '../../wire/name.ts'
import { readSoa, soaRdata, type Soa } from '../../wire/rdata.ts'

/** An upstream that says nothing is asked again after so long; one that does, when two thirds of its time are over. */
const ASK_AGAIN_MS = 30_000
/** Of the names that are asked for: each is new to the upstream's caches. */
const NAMES = 2 ** 47

/** How the upstream denies a name. */
export interface Denial {
  readonly aa: boolean
  readonly ra: boolean
  /** `zone` in the letter case of the question, which the resolver's names repeat. */
  soa(zone: Name): ResourceRecord
}

/** What the upstream says of one zone: learned from it when names come that could be denied, and forgotten in time. */
export class Lesson {
  readonly zone: Name
  readonly #env: Env
  #denial: Denial | undefined
  #untilMs = -Infinity
  #nextMs = -Infinity

  constructor(env: Env, zone: Name) {
    this.#env = env
    this.zone = zone
  }

  /** While the upstream has said that the zone is pure. */
  get denial(): Denial | undefined {
    return this.#env.clock.nowMs() < this.#untilMs ? this.#denial : undefined
  }

  /** Asks again if it is time; the query does not wait for that. */
  refresh(q: Query): void {
    const nowMs = this.#env.clock.nowMs()
    if (nowMs < this.#nextMs) return
    this.#nextMs = nowMs + ASK_AGAIN_MS
    void this.#ask(q, nowMs)
  }

  async #ask(q: Query, askedMs: number): Promise<void> {
    const name = `${this.#env.random.int(NAMES)}.${purityName(this.zone)}`
    const { written, message } = await this.#env.ask(q, { scope: 'below', question: { name, type: TYPE.TXT, class: CLASS.IN } })
    // Who cannot be asked has not changed what it said.
    if (!written) return
    const soa = message.authorities.find((record) => record.type === TYPE.SOA)
    const seconds = soa === undefined ? 0 : secondsOfPurity(message, this.zone)
    this.#untilMs = askedMs + seconds * 1000
    this.#denial = seconds === 0 ? undefined : denialOf(message, soa!, this.zone)
    if (seconds > 0) this.#nextMs = askedMs + (seconds * 1000 * 2) / 3
  }
}

function denialOf({ aa, ra }: Message, record: ResourceRecord, zone: Name): Denial {
  const soa = readSoa(record.rdata)
  return { aa, ra, soa: (asked) => ({ ...record, name: asked, rdata: soaRdata(inCaseOf(asked, soa, zone)) }) }
}

function inCaseOf(asked: Name, soa: Soa, zone: Name): Soa {
  const as = (name: Name) => (isSubdomain(name, zone) ? `${name.slice(0, name.length - zone.length)}${asked}` : name)
  return { ...soa, mname: as(soa.mname), rname: as(soa.rname) }
}
