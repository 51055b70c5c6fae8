import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { sleep } from '../base/clock.ts'
import { DONE } from '../core/plugin.ts'
import type { Peer } from '../core/query.ts'
import { LATER } from '../core/quick.ts'
import { acceptPacket } from './accept.ts'
import { turnSocketAway } from './farewell.ts'
import type { Listener, ListenerWorld, Target } from './listener.ts'
import { isParkable, Parked } from './parked.ts'
import { peerOf } from './peer.ts'
import { refusal, TOO_MUCH } from './refusal.ts'
import { answerQuickly, quickReply } from './quick-path.ts'
import type { UdpEngine } from './udp-engine.ts'

/** A burst that arrives while the event loop is busy waits in the kernel up to this size, as far as the kernel allows. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

/** UDP by Node's own sockets, on the main thread: wherever the system calls of the other engine are not to be had. */
export function dgramEngine(world: ListenerWorld): UdpEngine {
  return {
    name: 'dgram',
    knowsAddressAsked: false,
    packets: undefined,
    open: (address, port, target, shownAddress) => openUdp(address, port, target, world, shownAddress),
    close: () => Promise.resolve(),
  }
}

/**
 * Opens a UDP socket with SO_REUSEPORT. `shownAddress` is what queries say they came to: `::` for the sockets of a wildcard
 * listener, as CoreDNS shows it. Rejects with the system's error.
 */
async function openUdp(address: string, port: number, target: Target, world: ListenerWorld, shownAddress: string): Promise<Listener> {
  const v6 = isIPv6(address)
  const socket = createSocket({
    type: v6 ? 'udp6' : 'udp4',
    reusePort: true,
    ipv6Only: v6 && address !== '::',
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    lookup: (host, _options, done) => done(null, host, v6 ? 6 : 4),
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', reject)
      resolve()
    })
  })
  world.socketMark.apply(socket)
  return new UdpListener(socket, shownAddress, target, world)
}

/** A query that waits. Node's own objects for a packet are many, so that making one more is no matter. */
class ParkedMessage extends Parked {
  readonly protocol = 'udp'
  readonly client: Peer
  readonly local: Peer
  readonly #done: (reply: Uint8Array | undefined) => void
  #reply: Uint8Array | undefined

  constructor(client: Peer, local: Peer, done: (reply: Uint8Array | undefined) => void) {
    super()
    this.client = client
    this.local = local
    this.#done = done
  }

  protected override send(reply: Uint8Array, length: number): void {
    this.#reply = ownOctets(reply, length)
  }

  protected override leave(): void {
    this.#done(this.#reply)
  }

  protected override lastingClient(): Peer {
    return this.client
  }
}

/** Node keeps the octets until it has sent them. */
function ownOctets(reply: Uint8Array, length: number): Uint8Array {
  return reply.slice(0, length)
}

class UdpListener implements Listener {
  readonly address: string
  readonly port: number
  readonly #socket: Socket
  readonly #local: Peer
  readonly #target: Target
  readonly #world: ListenerWorld
  #underWay = 0
  #received = 0

  constructor(socket: Socket, shownAddress: string, target: Target, world: ListenerWorld) {
    const bound = socket.address()
    this.address = bound.address
    this.port = bound.port
    this.#socket = socket
    this.#local = peerOf(shownAddress, bound.port)
    this.#target = target
    this.#world = world
    socket.on('message', (packet, remote) => this.#receive(packet, remote))
    socket.on('error', (error) => world.log.error(`udp ${this.address}:${this.port}: ${error.message}`))
  }

  /**
   * New packets go to who shares the port. Reads on until the socket is empty, because closing it loses what is queued, and waits for
   * answers under way. Time alone does not tell: a process that the machine has kept waiting has read nothing for long, and has much to read.
   */
  async drain(graceMs: number): Promise<void> {
    const end = this.#world.clock.nowMs() + graceMs
    await turnSocketAway(this.#socket, this.address)
    while (this.#world.clock.nowMs() < end) {
      await sleep(this.#world.clock, 20)
      if (this.#underWay === 0 && !await this.#hasMore()) break
    }
    await new Promise<void>((resolve) => {
      this.#socket.close(resolve)
    })
  }

  /** Whether anything comes in one whole turn of the event loop, in which the kernel is asked. */
  async #hasMore(): Promise<boolean> {
    const before = this.#received
    for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => { this.#world.clock.soon(resolve) })
    return this.#received > before
  }

  #receive(packet: Uint8Array, remote: RemoteInfo): void {
    this.#received++
    const { admission, clock } = this.#world
    const client = peerOf(remote.address, remote.port)
    const startMs = clock.nowMs()
    const { group } = this.#target
    const quickly = answerQuickly(group, packet, 0, packet.length, 'udp', client, startMs)
    if (quickly === DONE) return this.#send(ownOctets(quickReply.bytes, quickReply.length), remote)
    const accepted = acceptPacket(packet)
    if (accepted.kind === 'ignore') return
    if (accepted.kind === 'reject') return this.#send(accepted.reply, remote)
    const admittance = admission.enter(client)
    if (admittance === 'refuse') return this.#send(refusal(accepted.request, TOO_MUCH), remote)
    if (admittance === 'drop') return
    this.#underWay++
    if (quickly === LATER && isParkable(packet.length)) return new ParkedMessage(client, this.#local, (reply) => this.#done(reply, remote)).park(packet, 0, packet.length, group, startMs)
    const outcome = group.answer(accepted.request, { client, local: this.#local, protocol: 'udp', server: group, sizeBytes: packet.length, startMs })
    if (outcome instanceof Promise) void this.#later(outcome, remote)
    else this.#done(outcome, remote)
  }

  async #later(outcome: Promise<Uint8Array | undefined>, remote: RemoteInfo): Promise<void> {
    this.#done(await outcome, remote)
  }

  #done(reply: Uint8Array | undefined, remote: RemoteInfo): void {
    this.#underWay--
    this.#world.admission.leave()
    if (reply !== undefined) this.#send(reply, remote)
  }

  #send(reply: Uint8Array, remote: RemoteInfo): void {
    this.#socket.send(reply, remote.port, remote.address, (error) => {
      if (error !== null) this.#world.log.debug(`udp reply to ${remote.address}:${remote.port}: ${error.message}`)
    })
  }
}
