import type { PacketCache } from '../core/quick.ts'
import type { QuickQuestion } from '../core/quick-question.ts'
import type { QuickReply } from '../core/quick-reply.ts'
import type { Block } from '../core/build.ts'
import type { Group } from './group.ts'
import type { Listener, ListenerWorld, Target } from './listener.ts'

export const ENGINES = ['auto', 'mmsg', 'dgram'] as const
export type EngineChoice = (typeof ENGINES)[number]

/** How UDP is received and sent. The choice is the operator's; answers are the same with each. */
export interface UdpEngine {
  readonly name: 'mmsg' | 'dgram'
  /** Replies leave from the address that was asked even where a socket is bound to all of them. */
  readonly knowsAddressAsked: boolean
  /** Answers repeated without the resolver thread; undefined where there is nothing of the kind. */
  readonly packets: KeepsPackets | undefined
  /** Opens a socket. `shownAddress` is what queries say they came to. Rejects with the system's error. */
  open(address: string, port: number, target: Target, shownAddress: string): Promise<Listener>
  /** Ends the engine's threads, after all its listeners have been drained. */
  close(): Promise<void>
}

/** The packet cache as the server sees it. */
export interface KeepsPackets extends PacketCache {
  /** The quick way has answered with a reply that a store keeps: from now on packets like it need not come here. */
  keep(question: QuickQuestion, reply: QuickReply, group: Group, block: Block): void
  /** Groups of these scopes answer no more. */
  retire(scopes: readonly number[]): void
}

/** What an engine needs of its process. */
export interface EngineWorld extends ListenerWorld {
  /** Takes note of what was answered without the main thread. */
  readonly traffic: { countMany(queries: number): void; sampled(name: string, client: string, rcode: number, weight: number): void }
}
