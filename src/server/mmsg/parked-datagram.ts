import type { Peer } from '../../core/query.ts'
import { ENVELOPE_WORDS } from '../../native/datagrams.ts'
import type { ListenerWorld } from '../listener.ts'
import { Parked } from '../parked.ts'
import type { MissRing } from './miss-ring.ts'
import type { MmsgListener } from './mmsg-listener.ts'
import { lastingPeer, PassingPeer, passingPeer } from './peers.ts'
import type { ReplyBatch } from './reply-batch.ts'

/** A query of a packet worker that waits, with its envelope. */
export class ParkedDatagram extends Parked {
  readonly protocol = 'udp'
  readonly client = new PassingPeer()
  readonly #envelope = new Int32Array(ENVELOPE_WORDS)
  readonly #envelopeBytes = new Uint8Array(this.#envelope.buffer)
  readonly #batch: ReplyBatch
  readonly #world: ListenerWorld
  readonly #free: (parked: ParkedDatagram) => void
  #listener!: MmsgListener
  #fd = 0

  constructor(batch: ReplyBatch, world: ListenerWorld, free: (parked: ParkedDatagram) => void) {
    super()
    this.#batch = batch
    this.#world = world
    this.#free = free
  }

  get local(): Peer {
    return this.#listener.local
  }

  /** Takes in what is at the ring's tail. */
  parkFrom({ bytes, words, packetAt, packetLength, envelopeAt }: MissRing, listener: MmsgListener, fd: number, startMs: number): void {
    for (let i = 0; i < ENVELOPE_WORDS; i++) this.#envelope[i] = words[envelopeAt + i]!
    passingPeer(this.client, this.#envelopeBytes, this.#envelope, 0)
    this.#listener = listener
    this.#fd = fd
    this.park(bytes, packetAt, packetLength, listener.target.group, startMs)
  }

  protected override send(reply: Uint8Array, length: number): void {
    this.#batch.add(this.#fd, this.#envelope, 0, reply, length)
    this.#batch.flushSoon()
  }

  protected override leave(): void {
    this.#listener.underWay--
    this.#world.admission.leave()
    this.#free(this)
  }

  protected override lastingClient(): Peer {
    return lastingPeer(this.#envelopeBytes, 0)
  }
}
