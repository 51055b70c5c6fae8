import type { ListenerWorld } from '../listener.ts'
import { acceptPacket } from '../accept.ts'
import { answerQuickly, quickReply } from '../quick-path.ts'
import { ENVELOPE_WORDS } from '../../native/datagrams.ts'
import type { MissRing } from './miss-ring.ts'
import type { MmsgListener } from './mmsg-listener.ts'
import type { PacketThread } from './packet-thread.ts'
import { PassingPeer, SocketPeer } from './peers.ts'
import type { ReplyBatch } from './reply-batch.ts'
import { refusal, TOO_MUCH } from '../refusal.ts'

/** Misses that are dealt with before everything else of the event loop has its turn. */
const TURN = 256
/** struct sockaddr in an envelope: behind its two lengths. */
const NAME_WORD = 2

/** Takes what a worker could not answer from its ring and answers it, on the main thread. */
export class Misses {
  readonly #thread: PacketThread
  readonly #listeners: ReadonlyMap<number, MmsgListener>
  readonly #batch: ReplyBatch
  readonly #world: ListenerWorld
  readonly #client = new PassingPeer()
  #closed = false

  /** `listeners` by the number of their sockets. */
  constructor(thread: PacketThread, listeners: ReadonlyMap<number, MmsgListener>, batch: ReplyBatch, world: ListenerWorld) {
    this.#thread = thread
    this.#listeners = listeners
    this.#batch = batch
    this.#world = world
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
    const name = (envelopeAt + NAME_WORD) * 4
    this.#client.see(bytes, name, isIpv4(words, envelopeAt + NAME_WORD) ? 1 : 2)
    const startMs = this.#world.clock.nowMs()
    if (answerQuickly(listener.target.group, bytes, packetAt, packetLength, 'udp', this.#client, startMs)) {
      this.#batch.add(fd, words, envelopeAt, quickReply.bytes, quickReply.length)
      return
    }
    const packet = bytes.slice(packetAt, packetAt + packetLength)
    const accepted = acceptPacket(packet)
    if (accepted.kind === 'ignore') return
    if (accepted.kind === 'reject') return this.#batch.add(fd, words, envelopeAt, accepted.reply, accepted.reply.length)
    const client = new SocketPeer(bytes.subarray(name, name + 28))
    const admittance = this.#world.admission.enter(client)
    if (admittance === 'refuse') {
      const refused = refusal(accepted.request, TOO_MUCH)
      return this.#batch.add(fd, words, envelopeAt, refused, refused.length)
    }
    if (admittance === 'drop') return
    listener.underWay++
    const outcome = listener.target.group.answer(accepted.request, {
      client,
      local: listener.local,
      protocol: 'udp',
      server: listener.target.group,
      sizeBytes: packetLength,
      startMs,
    })
    if (outcome instanceof Promise) void this.#later(outcome, listener, fd, words.slice(envelopeAt, envelopeAt + ENVELOPE_WORDS))
    else this.#done(outcome, listener, fd, words, envelopeAt)
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

/** IPv4, or IPv4 mapped into IPv6. */
function isIpv4(words: Int32Array, name: number): boolean {
  return (words[name]! & 0xffff) === 2 || (words[name + 2] === 0 && words[name + 3] === 0 && words[name + 4] === (0xffff0000 | 0))
}
