import type { Block } from '../core/build.ts'
import { dnsMetrics, familyLabel, typeLabel, type DnsMetrics } from '../core/dns-metrics.ts'
import type { Metrics } from '../core/metrics.ts'
import { copyMessage, Query, replyTo, type Arrival } from '../core/query.ts'
import { DONE } from '../core/plugin.ts'
import { IN_FULL, type Brought, type QuickOutcome, type Waiting } from '../core/quick.ts'
import { mirrorOpt } from '../core/mirror-opt.ts'
import type { QuickQuestion } from '../core/quick-question.ts'
import type { QuickReply } from '../core/quick-reply.ts'
import { QuickZones } from '../core/quick-zones.ts'
import type { ServerInfo } from '../core/server-info.ts'
import type { Attempt } from '../core/trace.ts'
import { CLASS, RCODE, TYPE, rcodeName } from '../wire/codes.ts'
import { encodeMessage, messageLength } from '../wire/encode.ts'
import type { Message } from '../wire/message.ts'
import { lowerName, parentOf, type Name } from '../wire/name.ts'
import { finishReply } from './finish.ts'
import type { Place } from './plan.ts'
import type { KeepsPackets } from './udp-engine.ts'

/** Directives that take questions of every class (specification 2.3). */
const EVERY_CLASS = new Set(['chaos', 'forward'])

/** What a group needs of the process. */
export interface GroupWorld {
  readonly metrics: Metrics
  readonly echoed: { has(code: number): boolean }
  /** Replies to the process's questions to itself. */
  readonly selfProbe: { answer(request: Message): Message | undefined }
  /** What people look at: rates, the most frequent, the slow. */
  readonly traffic: {
    answered(q: Query): void
    answeredQuickly(question: QuickQuestion, rcode: number): void
    answeredLater(question: QuickQuestion, reply: QuickReply, attempts: readonly Attempt[]): void
  }
  /** A reply that has no wire form: a name with an empty label, say. The client gets SERVFAIL. */
  unsendable(q: Query, error: unknown): void
  /** A bug in a stage's quick way; the query takes the ordinary one. */
  quickFailed(error: unknown): void
  /** The packet cache, where there is one. */
  readonly packets: KeepsPackets | undefined
}

let scopes = 0

/**
 * The blocks that share a scheme, address and port. Finds the block of a query, runs its chain, and turns the outcome
 * into octets (specification 2.3, 2.4).
 */
export class Group implements ServerInfo {
  readonly label: string
  readonly blocks: readonly Block[]
  /** Stands for this group in the packet cache: what was kept for another one is not answered for this. */
  readonly scope = ++scopes
  /** By zone, in the order of the file: `view` decides between blocks of the same zone. */
  readonly #zones: Place['zones']
  /** Blocks that a zone alone decides for; undefined where a view has a say. */
  readonly #quickZones: QuickZones<Block | undefined>
  /** Classes other than IN reach the chain only where somebody knows what to do with them. */
  readonly #anyClass: boolean
  readonly #world: GroupWorld
  readonly #metrics: DnsMetrics
  #inFlight = 0
  /** Of the question that `quick` has looked at last. */
  #block: Block | undefined

  constructor({ label, blocks, zones }: Pick<Place, 'label' | 'blocks' | 'zones'>, world: GroupWorld) {
    this.label = label
    this.blocks = blocks
    this.#world = world
    this.#metrics = dnsMetrics(world.metrics)
    this.#zones = zones
    this.#anyClass = blocks.some((block) => block.stages.some((stage) => EVERY_CLASS.has(stage.name)))
    this.#quickZones = new QuickZones([...this.#zones].map(([zone, sharing]) => [zone, sharing.length === 1 && sharing[0]!.settings.view === '' ? sharing[0] : undefined]))
  }

  /** Counts a reply of a DNS over HTTPS server. */
  countHttps(status: number): void {
    this.#world.metrics.counter('coredns_dns_https_responses_total', 'Counter of DoH responses per server and http status code.', ['server', 'status']).with(this.label, String(status)).add()
  }

  /** Queries that have come in and are not answered yet. */
  get inFlight(): number {
    return this.#inFlight
  }

  /**
   * Answers a request; undefined means that the client gets nothing. At once unless a stage waits. `brought`: what the quick way has found
   * out for it.
   */
  answer(request: Message, arrival: Arrival, brought?: Brought): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    if (request.questions.length === 0) return this.#withoutQuestion(request, arrival)
    const toItself = this.#world.selfProbe.answer(request)
    if (toItself !== undefined) return encodeMessage(toItself)
    if (request.edns !== undefined && request.edns.version !== 0 && this.#classAllowed(request)) return badVersion(request)
    const q = new Query(request, arrival)
    brought?.handOver(q)
    this.#inFlight++
    const waiting = this.dispatch(q)
    if (waiting === undefined) return this.#finish(q)
    return waiting.then(() => this.#finish(q))
  }

  /** The quick way for a question (see `Chain.quick`). DONE: the reply is complete. LATER: it waits with `begin`. */
  quick(question: QuickQuestion, reply: QuickReply): QuickOutcome {
    // DS belongs to the parent's block, which takes more than the longest zone to find.
    if (question.type === TYPE.DS) return IN_FULL
    const block = this.#quickZones.match(question)
    if (block === undefined) return IN_FULL
    this.#block = block
    question.server = this
    reply.begin(question)
    try {
      const outcome = block.chain.quick(question, reply)
      if (outcome !== DONE) return outcome
      if (reply.kept !== undefined) this.#world.packets?.keep(question, reply, this, block)
    } catch (error) {
      this.#world.quickFailed(error)
      return IN_FULL
    }
    reply.finish(question)
    this.#world.traffic.answeredQuickly(question, reply.rcode)
    return DONE
  }

  /** A bug on the quick way of a question. */
  quickFailed(error: unknown): void {
    this.#world.quickFailed(error)
  }

  /** The block of the question that `quick` has called LATER last. */
  get blockForLater(): Block {
    return this.#block!
  }

  /** Asks for that question, which waits for the stage at `at`. What comes of it goes to `resume`. */
  begin(question: QuickQuestion, block: Block, at: number, waiting: Waiting): void {
    this.#inFlight++
    block.chain.begin(question, at, waiting)
  }

  /** The quick way for a question that has waited, once. False: nothing has happened, it needs `answer`. */
  resume(question: QuickQuestion, reply: QuickReply, block: Block, at: number, brought: Brought): boolean {
    this.#inFlight--
    question.server = this
    question.resumed = true
    reply.begin(question)
    try {
      if (!block.chain.resume(question, reply, at, brought)) return false
    } catch (error) {
      this.#world.quickFailed(error)
      return false
    }
    reply.finish(question)
    this.#world.traffic.answeredLater(question, reply, brought.attempts)
    return true
  }

  dispatch(q: Query): void | Promise<void> {
    if (!this.#classAllowed(q.request)) return this.#refuse(q)
    const block = this.#find(q)
    if (block === undefined || block.chain.stages.length === 0) return this.#refuse(q)
    q.trace ??= block.watch(q)
    q.trace?.enter(block.keys)
    return block.chain.run(q)
  }

  #classAllowed(request: Message): boolean {
    return this.#anyClass || request.questions[0]!.class === CLASS.IN
  }

  /**
   * The longest zone wins, and of its blocks the first that accepts the query. DS belongs to the parent: there the shortest zone below the
   * root wins, and of its blocks the last.
   */
  #find(q: Query): Block | undefined {
    const forParent = q.question.type === TYPE.DS
    const qname = lowerName(q.question.name)
    let found: Block | undefined
    for (let name = qname; name !== '.'; name = parentOf(name)) {
      const block = this.#choose(name, q, forParent)
      if (block === undefined) continue
      if (!forParent || block.chain.stages.length === 0) return block
      found = block
    }
    return found ?? this.#choose('.', q, forParent && qname === '.')
  }

  #choose(zone: Name, q: Query, last: boolean): Block | undefined {
    const blocks = this.#zones.get(zone)
    const fits = (block: Block) => block.chain.stages.length === 0 || block.accepts(q)
    return last ? blocks?.findLast(fits) : blocks?.find(fits)
  }

  #finish(q: Query): Uint8Array | undefined {
    this.#inFlight--
    this.#world.traffic.answered(q)
    if (q.dropped) return undefined
    try {
      return finishReply(q, this.#world.echoed)
    } catch (error) {
      this.#world.unsendable(q, error)
      return encodeMessage(replyTo(q.request, RCODE.SERVFAIL))
    }
  }

  #refuse(q: Query): void {
    q.fail(RCODE.REFUSED)
    this.#countDropped(q.request, q, q.question.type, q.reply)
  }

  #withoutQuestion(request: Message, arrival: Arrival): Uint8Array {
    const reply = replyTo(request, RCODE.SERVFAIL)
    this.#countDropped(request, arrival, 0, reply)
    return encodeMessage(reply)
  }

  /** What no block is asked for. */
  #countDropped(request: Message, { protocol, client }: Pick<Arrival, 'protocol' | 'client'>, type: number, bare: Message): void {
    const reply = copyMessage(bare)
    mirrorOpt({ request, reply }, this.#world.echoed)
    this.#metrics.requests.with(this.label, 'dropped', '', protocol, familyLabel({ client }), typeLabel(type)).add()
    if (request.edns?.do === true) this.#metrics.doRequests.with(this.label, 'dropped', '').add()
    this.#metrics.durations.with(this.label, 'dropped', '').observe(0)
    this.#metrics.requestSizes.with(this.label, 'dropped', '', protocol).observe(messageLength(request))
    this.#metrics.responseSizes.with(this.label, 'dropped', '', protocol).observe(messageLength(reply))
    this.#metrics.responses.with(this.label, 'dropped', '', rcodeName(reply.rcode), '').add()
  }
}

/** EDNS versions other than 0 are answered at once (RFC 6891 6.1.3), as CoreDNS does with an advertised size of 0. */
function badVersion(request: Message): Uint8Array {
  const reply = replyTo(request, RCODE.BADVERS)
  reply.edns = { udpSize: 0, version: 0, do: false, z: 0, options: [] }
  return encodeMessage(reply)
}
