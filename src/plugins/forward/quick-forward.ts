import { NEXT, type Slot } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { IN_FULL, LATER, type Brought, type QuickStage, type QuickVerdict, type Waiting } from '../../core/quick.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { QuickZones } from '../../core/quick-zones.ts'
import type { Attempt } from '../../core/trace.ts'
import type { Wanting } from '../../upstream/coalesce.ts'
import type { Outcome, Wanted } from '../../upstream/errand.ts'
import { matchReply, quickRequest } from '../../upstream/request.ts'
import type { Name } from '../../wire/name.ts'
import { isReply, type Instance } from './instance.ts'
import { writeReply } from './quick-write.ts'

/** Plain questions to upstreams and plain answers back, as octets. */
export class QuickForward implements QuickStage {
  readonly #instances: readonly Instance[]
  /** Whether an instance takes a name, by its place. */
  readonly #zones: readonly QuickZones<boolean>[]
  readonly #passes: boolean
  readonly #found: Slot<Inquiry>

  constructor(instances: readonly Instance[], found: Slot<Inquiry>) {
    this.#instances = instances
    this.#passes = instances.every((instance) => instance.passesOctets)
    this.#zones = instances.map(({ zones: { from, except } }) => new QuickZones([...except.map((zone): [Name, boolean] => [zone, false]), [from, true]]))
    this.#found = found
  }

  query(question: QuickQuestion): QuickVerdict {
    if (!this.#passes) return IN_FULL
    return this.#instanceFor(question) === undefined ? NEXT : LATER
  }

  begin(question: QuickQuestion, waiting: Waiting): void {
    const instance = this.#instanceFor(question)!
    const inquiry = new Inquiry(instance, { request: quickRequest(question), protocol: instance.protocol(question.protocol), asked: undefined }, waiting, this.#found)
    instance.ask(inquiry.wanted, inquiry)
  }

  /** The first that covers the name. */
  #instanceFor(question: QuickQuestion): Instance | undefined {
    for (let i = 0; i < this.#instances.length; i++) if (this.#zones[i]!.match(question) === true) return this.#instances[i]
    return undefined
  }
}

/** A question on its way to upstreams for a query that waits. */
export class Inquiry implements Wanting<Outcome>, Brought {
  readonly instance: Instance
  readonly wanted: Wanted
  readonly #waiting: Waiting
  readonly #found: Slot<Inquiry>
  outcome: Outcome | undefined
  /** Others have the same outcome. */
  shared = false

  constructor(instance: Instance, wanted: Wanted, waiting: Waiting, found: Slot<Inquiry>) {
    this.instance = instance
    this.wanted = wanted
    this.#waiting = waiting
    this.#found = found
  }

  ask(done: (outcome: Outcome) => void): void {
    this.instance.walk(this.wanted, Infinity, done)
  }

  good(outcome: Outcome): boolean {
    return isReply(outcome)
  }

  done(outcome: Outcome, shared: boolean): void {
    this.outcome = outcome
    this.shared = shared
    this.#waiting.ready(this)
  }

  get attempts(): readonly Attempt[] {
    return this.outcome?.attempts ?? []
  }

  write(question: QuickQuestion, reply: QuickReply): boolean {
    const { outcome } = this
    if (outcome?.kind !== 'reply') return false
    const answer = outcome.reply.expand()
    if (answer === undefined || this.instance.handsOver(answer.flags & 0xf, answer.answers)) return false
    const sameCase = this.shared || matchReply(this.wanted.request, outcome.reply.octets) === 'same'
    return sameCase && writeReply(question, answer, reply)
  }

  /** The message is made now, since the octets may be others when the query comes to `forward`. */
  handOver(q: Query): void {
    if (this.outcome?.kind === 'reply') void this.outcome.reply.message
    this.#found.set(q, this)
  }
}
