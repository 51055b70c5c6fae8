import { Message, type Question } from '../wire/message.ts'
import { RCODE } from '../wire/codes.ts'
import type { ExtendedError } from '../wire/edns.ts'
import type { Metadata } from './metadata.ts'
import type { ServerInfo } from './server-info.ts'
import type { Attempt, Trace } from './trace.ts'

/** How the question came in. TLS and HTTPS count as `tcp` for size limits, metrics and forwarding. */
export type Protocol = 'udp' | 'tcp'

/** One end of the exchange. */
export interface Peer {
  /** Literal address without zone id; IPv4-mapped addresses are unmapped. */
  readonly address: string
  readonly port: number
  /** 1 for IPv4, 2 for IPv6: the numbers of the `family` label. */
  readonly family: 1 | 2
}

/** What a query carries besides the message. */
export interface Arrival {
  readonly client: Peer
  readonly local: Peer
  readonly protocol: Protocol
  readonly server: ServerInfo
  /** Octets of the packet as received. */
  readonly sizeBytes: number
  /** Monotonic milliseconds at arrival. */
  readonly startMs: number
}

/**
 * One question on its way through a chain. Stages edit `request` on the way down and `reply` on the way up.
 * Records and EDNS options are never edited in place, since caches and indexes share them: a stage that changes one puts a
 * new object into the section, whose array belongs to the query.
 */
export class Query {
  /** As received, then as rewritten: `rewrite`, `bufsize` and the like edit it. Always has exactly one question. */
  request: Message
  /** The question as the client asked it. Never edited. */
  readonly asked: Question
  readonly arrival: Arrival
  /** Settled by `begin`, `adopt` or `fail`. */
  reply: Message = new Message()
  /** True when a stage made the reply; false for a bare rcode, for which the server makes the message. */
  written = false
  /** The stage said DROP: the client gets nothing. */
  dropped = false
  /** Why there is no good answer, for `errors`. */
  error: Error | undefined
  /** What a client with EDNS is told besides the rcode (RFC 8914). */
  extendedError: ExtendedError | undefined
  /** Name of the stage that ended the way down; empty while nobody has. */
  answeredBy = ''
  /** What upstreams were asked, in order, for the log; undefined when none was. */
  attempts: readonly Attempt[] | undefined
  /** Set for the one query that `explain` watches. */
  trace: Trace | undefined
  /** Where the block has `metadata`. */
  metadata: Metadata | undefined
  /** Per-stage notes between the way down and the way up; see `Slot`. */
  readonly notes: unknown[] = []
  /** Monotonic milliseconds after which no further upstream is tried; `cancel` sets it. */
  cancelAtMs = Infinity
  /** True for questions that a stage asks on its own behalf or on behalf of a client. */
  readonly internal: boolean
  /** Levels of `env.ask` above this query; bounds recursion. */
  readonly depth: number

  constructor(request: Message, arrival: Arrival, internal = false, depth = 0) {
    this.request = request
    this.asked = { ...request.questions[0]! }
    this.arrival = arrival
    this.internal = internal
    this.depth = depth
  }

  /** The current question: rewritten if a stage above did so. */
  get question(): Question {
    return this.request.questions[0]!
  }

  set question(question: Question) {
    this.request.questions = [question]
  }

  get client(): Peer {
    return this.arrival.client
  }

  get protocol(): Protocol {
    return this.arrival.protocol
  }

  get server(): ServerInfo {
    return this.arrival.server
  }

  /** Starts a written reply: id, opcode, RD, CD and question copied from the request, everything else empty. */
  begin(rcode: number = RCODE.NOERROR): Message {
    this.reply = replyTo(this.request, rcode)
    this.written = true
    this.error = undefined
    this.extendedError = undefined
    return this.reply
  }

  /** Makes a message from elsewhere (an upstream, a lower chain) the written reply. The id becomes the client's. */
  adopt(message: Message): void {
    message.id = this.request.id
    this.reply = message
    this.written = true
  }

  /** Ends without a message: the server answers with this rcode alone. `extended`: what clients with EDNS are told besides. */
  fail(rcode: number, error?: Error, extended?: ExtendedError): void {
    this.reply = replyTo(this.request, rcode)
    this.written = false
    this.error = error
    this.extendedError = extended
  }
}

/** The reply that answers `request` with an rcode and nothing else (RFC 1035 4.1.1; RD and CD are copied for QUERY only). */
export function replyTo(request: Message, rcode: number): Message {
  const reply = new Message()
  reply.id = request.id
  reply.qr = true
  reply.opcode = request.opcode
  if (request.opcode === 0) {
    reply.rd = request.rd
    reply.cd = request.cd
  }
  reply.rcode = rcode
  const question = request.questions[0]
  if (question !== undefined) reply.questions = [question]
  return reply
}

/** A copy of a message whose sections can be edited without touching the original's. Records are shared. */
export function copyMessage(message: Message): Message {
  const copy = Object.assign(new Message(), message)
  copy.questions = [...message.questions]
  copy.answers = [...message.answers]
  copy.authorities = [...message.authorities]
  copy.additionals = [...message.additionals]
  if (message.edns !== undefined) copy.edns = { ...message.edns, options: [...message.edns.options] }
  return copy
}
