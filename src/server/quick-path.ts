import type { Block } from '../core/build.ts'
import type { Peer, Protocol } from '../core/query.ts'
import { IN_FULL, type Brought, type QuickOutcome, type Waiting } from '../core/quick.ts'
import { QuickQuestion } from '../core/quick-question.ts'
import { QuickReply } from '../core/quick-reply.ts'
import type { Group } from './group.ts'

const question = new QuickQuestion()

/** The reply that has been made last: octets 0 to `length` of `bytes`. */
export const quickReply = new QuickReply()

/**
 * Answers the packet at `at` from octets to octets, if it can be. IN_FULL: nothing has happened, it takes the ordinary way. LATER: nothing
 * has happened, and it can wait as a `Parked`.
 */
export function answerQuickly(group: Group, packet: Uint8Array, at: number, length: number, protocol: Protocol, client: Peer, startMs: number): QuickOutcome {
  return read(packet, at, length, protocol, client, startMs) ? group.quick(question, quickReply) : IN_FULL
}

/** A query that waits, as it came. */
export interface Arrived {
  readonly packet: Uint8Array
  readonly length: number
  readonly protocol: Protocol
  readonly client: Peer
  readonly startMs: number
  readonly group: Group
  readonly block: Block
  /** The place in the chain of the stage that it waits for. */
  readonly stage: number
}

/** Asks for the question that `answerQuickly` has just called LATER; `waiting` hears the answer once, maybe before this returns. */
export function beginLater({ group, block, stage }: Arrived, waiting: Waiting): void {
  group.begin(question, block, stage, waiting)
}

/** Answers a query that has waited, with what it waited for. False: it takes the ordinary way. */
export function answerLater({ packet, length, protocol, client, startMs, group, block, stage }: Arrived, brought: Brought): boolean {
  return read(packet, 0, length, protocol, client, startMs) && group.resume(question, quickReply, block, stage, brought)
}

function read(packet: Uint8Array, at: number, length: number, protocol: Protocol, client: Peer, startMs: number): boolean {
  if (!question.read(packet, at, length)) return false
  question.protocol = protocol
  question.family = client.family
  question.client = client
  question.startMs = startMs
  return true
}
