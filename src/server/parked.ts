import type { Block } from '../core/build.ts'
import type { Peer, Protocol } from '../core/query.ts'
import type { Brought, Waiting } from '../core/quick.ts'
import { acceptPacket } from './accept.ts'
import type { Group } from './group.ts'
import { answerLater, beginLater, quickReply, type Arrived } from './quick-path.ts'

/** Longer ones than this take the ordinary way. */
const PACKET_BYTES = 512
/** Objects that a listener keeps for the next queries; more are made anew. */
const SPARE = 256

/** What comes of a question when asking itself breaks. */
const NOTHING: Brought = { attempts: [], write: () => false, handOver: () => undefined }

/**
 * A query that is answered from octets, but not now: its packet and where it came from. Used for one query after the other, since what
 * outlives the young generation is dear. Listeners add where its reply goes.
 */
export abstract class Parked implements Waiting, Arrived {
  readonly packet = new Uint8Array(PACKET_BYTES)
  length = 0
  startMs = 0
  group!: Group
  block!: Block
  stage = 0
  #waits = false

  abstract readonly protocol: Protocol
  abstract readonly client: Peer
  abstract readonly local: Peer

  /** Sends octets 0 to `length` of the reply, whose memory is not ours. */
  protected abstract send(reply: Uint8Array, length: number): void
  /** The query is over, answered or not: this is free for the next one. */
  protected abstract leave(): void
  /** The client as an object that may be kept. */
  protected abstract lastingClient(): Peer

  /** Takes in the query that `answerQuickly` has just called LATER, and asks. */
  park(packet: Uint8Array, at: number, length: number, group: Group, startMs: number): void {
    for (let i = 0; i < length; i++) this.packet[i] = packet[at + i]!
    this.length = length
    this.startMs = startMs
    this.group = group
    this.block = group.blockForLater
    this.stage = quickReply.answeredAt
    this.#waits = true
    try {
      beginLater(this, this)
    } catch (error) {
      group.quickFailed(error)
      this.ready(NOTHING)
    }
  }

  ready(brought: Brought): void {
    if (!this.#waits) return
    this.#waits = false
    if (!answerLater(this, brought)) return this.#answerInFull(brought)
    this.send(quickReply.bytes, quickReply.length)
    this.leave()
  }

  #answerInFull(brought: Brought): void {
    const accepted = acceptPacket(this.packet.subarray(0, this.length))
    if (accepted.kind !== 'query') return this.leave()
    const { local, protocol, group, length, startMs } = this
    const outcome = group.answer(accepted.request, { client: this.lastingClient(), local, protocol, server: group, sizeBytes: length, startMs }, brought)
    if (outcome instanceof Promise) void outcome.then((reply) => this.#end(reply))
    else this.#end(outcome)
  }

  #end(reply: Uint8Array | undefined): void {
    if (reply !== undefined) this.send(reply, reply.length)
    this.leave()
  }
}

/** Whether a packet can be parked. */
export function isParkable(length: number): boolean {
  return length <= PACKET_BYTES
}

/** Parked queries of a listener that wait for nothing. */
export class Spares<T> {
  readonly #spare: T[] = []
  readonly #make: () => T

  constructor(make: () => T) {
    this.#make = make
  }

  take(): T {
    return this.#spare.pop() ?? this.#make()
  }

  give(parked: T): void {
    if (this.#spare.length < SPARE) this.#spare.push(parked)
  }
}
