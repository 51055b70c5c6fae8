import type { Socket } from 'node:net'
import type { Timer } from '../base/clock.ts'
import { FrameBatch } from '../base/frame-batch.ts'
import { DONE } from '../core/plugin.ts'
import type { Peer } from '../core/query.ts'
import { LATER } from '../core/quick.ts'
import { acceptPacket } from './accept.ts'
import { FrameReader } from '../wire/frames.ts'
import type { ListenerWorld, Target } from './listener.ts'
import { isParkable, Parked, Spares } from './parked.ts'
import { peerOf } from './peer.ts'
import { refusal, TOO_MUCH } from './refusal.ts'
import type { StreamHolder } from './stream-budget.ts'
import { answerQuickly, quickReply } from './quick-path.ts'

/** Queries of one connection under way at once; the rest waits in the socket (RFC 7766 6.2.1.1 asks for no more than fairness). */
const PIPELINE_LIMIT = 128
/** Unsent answers of one connection; past this we read no further questions. */
const UNSENT_LIMIT_BYTES = 256 * 1024

/**
 * One client connection: many queries in flight, answered in the order they are ready (RFC 7766 6.2.1.1).
 * A client that does not read its answers stops being read, and is cut off when nothing moves for the write timeout.
 */
export class TcpConnection implements StreamHolder {
  readonly #socket: Socket
  readonly #target: Target
  readonly #world: ListenerWorld
  readonly #client: Peer
  readonly #local: Peer
  readonly #batch: FrameBatch
  readonly #parked = new Spares(() => this.#newParked())
  readonly #frames = new FrameReader()
  readonly #closed: () => void
  #timer: Timer | undefined
  #underWay = 0
  #received = 0
  /** Closes once nothing is under way: the client has half-closed, its allowance is used up, or the listener is closing. */
  #finishing = false
  #allowanceUsed = false
  #firstIsLast = false

  constructor(socket: Socket, target: Target, world: ListenerWorld, closed: () => void) {
    this.#socket = socket
    this.#batch = new FrameBatch(socket, world.clock, () => this.#advance())
    this.#target = target
    this.#world = world
    this.#closed = closed
    this.#client = peerOf(socket.remoteAddress ?? '', socket.remotePort ?? 0)
    this.#local = peerOf(socket.localAddress ?? '', socket.localPort ?? 0)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('end', () => this.finish())
    socket.on('drain', () => this.#advance())
    socket.on('error', (error) => world.log.debug(`tcp ${this.#client.address}:${this.#client.port}: ${error.message}`))
    socket.on('close', () => this.#close())
    this.#arm(target.timeouts.readMs)
  }

  /** Answers what is under way, then closes. */
  finish(): void {
    this.#finishing = true
    this.#advance()
  }

  /** As `finish`, once a question has come: one that was on its way to us when we began to leave. */
  finishAfterFirst(): void {
    this.#firstIsLast = true
  }

  destroy(): void {
    this.#socket.destroy()
  }

  get heldBytes(): number {
    return this.#socket.destroyed ? 0 : this.#frames.held + this.#unsent
  }

  cut(): void {
    this.#world.log.debug(`tcp ${this.#client.address}:${this.#client.port}: cut off: answers are not read, or questions not finished, and all clients together hold too much`)
    this.destroy()
  }

  #read(chunk: Uint8Array): void {
    if (this.#socket.writableEnded) return
    this.#frames.push(chunk)
    const before = this.#received
    this.#takeFrames()
    // Octets that complete no question buy no time: a client that sends one now and then would hold the connection for ever.
    this.#settle(this.#received > before)
  }

  #advance(): void {
    this.#takeFrames()
    this.#settle(true)
  }

  /** Takes frames while there is room for their answers. */
  #takeFrames(): void {
    while (this.#hasRoom()) {
      const packet = this.#frames.next()
      if (packet === undefined) break
      this.#take(packet)
    }
  }

  /** Decides what the socket should do next. */
  #settle(progress: boolean): void {
    this.#world.admission.streams.changed(this)
    if (this.#socket.destroyed) return
    const idle = this.#underWay === 0 && this.#unsent === 0
    if (this.#finishing && this.#underWay === 0) this.#end()
    // What arrives after the end is read and dropped: closing with unread data would reset the connection and lose answers.
    if (this.#hasRoom() || this.#socket.writableEnded) this.#socket.resume()
    else this.#socket.pause()
    if (!progress) return
    if (!idle) this.#arm(this.#target.timeouts.writeMs + this.#target.timeouts.idleMs)
    else this.#arm(this.#received === 0 ? this.#target.timeouts.readMs : this.#target.timeouts.idleMs)
  }

  #end(): void {
    if (this.#socket.writableEnded) return
    this.#batch.flush()
    this.#socket.end()
  }

  get #unsent(): number {
    return this.#batch.held + this.#socket.writableLength
  }

  #hasRoom(): boolean {
    return !this.#allowanceUsed && this.#underWay < PIPELINE_LIMIT && this.#unsent < UNSENT_LIMIT_BYTES && !this.#socket.destroyed
  }

  #take(packet: Uint8Array): void {
    const { group } = this.#target
    const startMs = this.#world.clock.nowMs()
    const quickly = answerQuickly(group, packet, 0, packet.length, 'tcp', this.#client, startMs)
    if (quickly === DONE) {
      this.#count()
      return this.#send(quickReply.bytes, quickReply.length)
    }
    const waits = quickly === LATER && isParkable(packet.length)
    const accepted = waits ? undefined : acceptPacket(packet)
    if (accepted?.kind === 'ignore') return
    this.#count()
    if (accepted?.kind === 'reject') return this.#send(accepted.reply)
    const admittance = this.#world.admission.enter(this.#client)
    if (admittance === 'refuse') return this.#refuse(packet)
    if (admittance === 'drop') return
    this.#underWay++
    if (accepted === undefined) return this.#parked.take().park(packet, 0, packet.length, group, startMs)
    const outcome = group.answer(accepted.request, { client: this.#client, local: this.#local, protocol: 'tcp', server: group, sizeBytes: packet.length, startMs })
    if (outcome instanceof Promise) void this.#later(outcome)
    else this.#done(outcome)
  }

  #refuse(packet: Uint8Array): void {
    const accepted = acceptPacket(packet)
    if (accepted.kind === 'query') this.#send(refusal(accepted.request, TOO_MUCH))
  }

  #newParked(): ParkedFrame {
    const parked: ParkedFrame = new ParkedFrame(this.#client, this.#local, (reply, length) => this.#send(reply, length), () => {
      this.#done(undefined)
      this.#parked.give(parked)
      // Else what is held is about to be written, and then this is looked at for all that have been answered.
      if (this.#batch.held === 0) this.#advance()
    })
    return parked
  }

  #count(): void {
    this.#received++
    if (this.#firstIsLast) this.#finishing = true
    const { maxTcpQueries } = this.#target.timeouts
    if (maxTcpQueries >= 0 && this.#received >= maxTcpQueries) this.#allowanceUsed = this.#finishing = true
  }

  async #later(outcome: Promise<Uint8Array | undefined>): Promise<void> {
    this.#done(await outcome)
    this.#advance()
  }

  #done(reply: Uint8Array | undefined): void {
    this.#underWay--
    this.#world.admission.leave()
    if (reply !== undefined) this.#send(reply)
  }

  #send(reply: Uint8Array, length = reply.length): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return
    this.#batch.push(reply, length)
    this.#world.admission.streams.changed(this)
  }

  #arm(ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#world.clock.after(ms, () => this.#socket.destroy())
  }

  #close(): void {
    this.#timer?.cancel()
    this.#world.admission.streams.changed(this)
    this.#closed()
  }
}

/** A query of a connection that waits. */
class ParkedFrame extends Parked {
  readonly protocol = 'tcp'
  readonly client: Peer
  readonly local: Peer
  readonly #reply: (reply: Uint8Array, length: number) => void
  readonly #over: () => void

  constructor(client: Peer, local: Peer, reply: (reply: Uint8Array, length: number) => void, over: () => void) {
    super()
    this.client = client
    this.local = local
    this.#reply = reply
    this.#over = over
  }

  protected override send(reply: Uint8Array, length: number): void {
    this.#reply(reply, length)
  }

  protected override leave(): void {
    this.#over()
  }

  protected override lastingClient(): Peer {
    return this.client
  }
}
