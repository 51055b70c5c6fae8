import type { Peer, Protocol } from '../core/query.ts'
import { QuickQuestion } from '../core/quick-question.ts'
import { QuickReply } from '../core/quick-reply.ts'
import type { Group } from './group.ts'

const question = new QuickQuestion()

/** The reply that `answerQuickly` has made last: octets 0 to `length` of `bytes`. */
export const quickReply = new QuickReply()

/** Answers the packet at `at` from octets to octets, if it can be. False: nothing has happened, it takes the ordinary way. */
export function answerQuickly(group: Group, packet: Uint8Array, at: number, length: number, protocol: Protocol, client: Peer, startMs: number): boolean {
  if (!question.read(packet, at, length)) return false
  question.protocol = protocol
  question.family = client.family
  question.client = client
  question.startMs = startMs
  return group.quick(question, quickReply)
}
