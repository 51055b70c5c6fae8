import { DONE } from '../../core/plugin.ts'
import { LATER } from '../../core/quick.ts'
import { ENVELOPE_WORDS } from '../../native/datagrams.ts'
import type { Message } from '../../wire/message.ts'
import { acceptPacket } from '../accept.ts'
import type { ListenerWorld } from '../listener.ts'
import { isParkable, Spares } from '../parked.ts'
import { answerQuickly, quickReply } from '../quick-path.ts'
import type { MissRing } from './miss-ring.ts'
import type { MmsgListener } from './mmsg-listener.ts'
import type { PacketThread } from './packet-thread.ts'
import { ParkedDatagram } from './parked-datagram.ts'
import { lastingPeer, passingPeer, PassingPeer } from './peers.ts'
import type { ReplyBatch } from './reply-batch.ts'
import { refusal, TOO_MUCH } from '../refusal.ts'

/** Misses that are dealt with before everything else of the event loop has its turn. */
const TURN = 256

/** Takes what a worker could not answer from its ring and answers it, on the main thread. */
export class Misses {
  readonly #thread: PacketThread
  readonly #listeners: ReadonlyMap<number, MmsgListener>
  readonly #batch: ReplyBatch
  readonly #world: ListenerWorld
  readonly #client = new PassingPeer()
  readonly #parked: Spares<ParkedDatagram>
  #closed = false

  /** `listeners` by the number of their sockets. */
  constructor(thread: PacketThread, listeners: ReadonlyMap<number, MmsgListener>, batch: ReplyBatch, world: ListenerWorld) {
    this.#thread = thread
    this.#listeners = listeners
    this.#batch = batch
    this.#world = world
    this.#parked = new Spares(() => new ParkedDatagram(batch, world, (parked) => this.#parked.give(parked)))
    this.#listen()
  }

  close(): void {
    this.#closed = true
    this.#thread.control.ring()
  }

  /** Waits for the worker to write. The bell is read before the rings are found empty, so nothing is missed in between. */
  #listen(): void {
    const { control, rings } = this.#thread
    const heard = control.rings
    const waiting = rings.fair.isEmpty && rings.excess.isEmpty ? control.nextRing(heard) : undefined
    if (waiting !== undefined) void waiting.then(() => this.#run())
    else setImmediate(() => this.#run())
  }

  /** Who asks more than a share waits while others are answered, whose answers wait for nothing of that. */
  #run(): void {
    if (this.#closed) return
    const { fair, excess } = this.#thread.rings
    let last = fair
    for (let i = 0; i < TURN; i++) {
      const ring = fair.peek() ? fair : excess.peek() ? excess : undefined
      if (ring === undefined) break
      if (ring !== last && ring === excess) this.#batch.flush()
      this.#take(ring)
      ring.release()
      last = ring
    }
    this.#batch.flush()
    this.#listen()
  }

  #take(ring: MissRing): void {
    const { bytes, words, packetAt, packetLength, envelopeAt } = ring
    const listener = this.#listeners.get(ring.socket)
    // Its socket was closed with the query still on its way here.
    if (listener === undefined) return
    const fd = listener.descriptor(ring.socket)
    passingPeer(this.#client, bytes, words, envelopeAt)
    const startMs = this.#world.clock.nowMs()
    const { group } = listener.target
    const outcome = answerQuickly(group, bytes, packetAt, packetLength, 'udp', this.#client, startMs)
    if (outcome === DONE) return this.#batch.add(fd, words, envelopeAt, quickReply.bytes, quickReply.length)
    const waits = outcome === LATER && isParkable(packetLength)
    const accepted = waits ? undefined : acceptPacket(bytes.slice(packetAt, packetAt + packetLength))
    if (accepted?.kind === 'ignore') return
    if (accepted?.kind === 'reject') return this.#batch.add(fd, words, envelopeAt, accepted.reply, accepted.reply.length)
    const admittance = this.#world.admission.enter(this.#client)
    if (admittance === 'refuse') return this.#refuse(ring, fd)
    if (admittance === 'drop') return
    listener.underWay++
    if (accepted === undefined) return this.#parked.take().parkFrom(ring, listener, fd, startMs)
    this.#answer(accepted.request, ring, listener, fd, startMs)
  }

  #answer(request: Message, { bytes, words, envelopeAt, packetLength }: MissRing, listener: MmsgListener, fd: number, startMs: number): void {
    const { group } = listener.target
    const outcome = group.answer(request, { client: lastingPeer(bytes, envelopeAt), local: listener.local, protocol: 'udp', server: group, sizeBytes: packetLength, startMs })
    if (outcome instanceof Promise) void this.#later(outcome, listener, fd, words.slice(envelopeAt, envelopeAt + ENVELOPE_WORDS))
    else this.#done(outcome, listener, fd, words, envelopeAt)
  }

  #refuse({ bytes, words, envelopeAt, packetAt, packetLength }: MissRing, fd: number): void {
    const accepted = acceptPacket(bytes.slice(packetAt, packetAt + packetLength))
    if (accepted.kind !== 'query') return
    const refused = refusal(accepted.request, TOO_MUCH)
    this.#batch.add(fd, words, envelopeAt, refused, refused.length)
  }

  async #later(outcome: Promise<Uint8Array | undefined>, listener: MmsgListener, fd: number, envelope: Int32Array): Promise<void> {
    this.#done(await outcome, listener, fd, envelope, 0)
    this.#batch.flushSoon()
  }

  #done(reply: Uint8Array | undefined, listener: MmsgListener, fd: number, words: Int32Array, envelopeAt: number): void {
    listener.underWay--
    this.#world.admission.leave()
    if (reply !== undefined) this.#batch.add(fd, words, envelopeAt, reply, reply.length)
  }
}
