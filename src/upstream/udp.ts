import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Message } from '../wire/message.ts'
import { endpointLabel, type ConnectionSettings, type Endpoint, type Exchange, type UpstreamWorld } from './endpoint.ts'
import { causeText, UpstreamError } from './failure.ts'
import { Pending, readReply, type Waiting } from './pending.ts'

/** Sockets open at once to one upstream: each has a source port of its own, so that guessing an answer means guessing the port too. */
const SOCKETS = 16
/** Questions under way on one socket. */
const PER_SOCKET = 512
/** A socket takes no new questions after so many, so that its port does not become known. */
const QUERIES_PER_SOCKET = 4096

/** UDP to one upstream over a rotating set of connected sockets. */
export class UdpPool {
  readonly #endpoint: Endpoint
  readonly #settings: ConnectionSettings
  readonly #world: UpstreamWorld
  readonly #sockets = new Set<UdpSocket>()

  constructor(endpoint: Endpoint, settings: ConnectionSettings, world: UpstreamWorld) {
    this.#endpoint = endpoint
    this.#settings = settings
    this.#world = world
  }

  /** Asks once. `packet` holds the request with any id. Throws or rejects with UpstreamError. `reused` tells of a socket that was open. */
  ask(request: Message, packet: Uint8Array, timeoutMs: number): Exchange {
    const { socket, reused } = this.#choose()
    return { reply: socket.ask(request, packet, timeoutMs), reused }
  }

  close(): void {
    for (const socket of this.#sockets) socket.close()
  }

  #choose(): { socket: UdpSocket; reused: boolean } {
    const now = this.#world.clock.nowMs()
    const open = [...this.#sockets].filter((socket) => socket.takes(now))
    if (open.length > 0 && (open.length >= SOCKETS / 2 || open.some((socket) => socket.idle))) {
      const idle = open.filter((socket) => socket.idle)
      const from = idle.length > 0 && open.length < SOCKETS / 2 ? idle : open
      return { socket: from[this.#world.random.int(from.length)]!, reused: true }
    }
    if (this.#sockets.size >= 2 * SOCKETS) {
      const least = open.at(0)
      if (least === undefined) throw new UpstreamError('full', `${endpointLabel(this.#endpoint)}: too many queries under way over UDP`)
      return { socket: least, reused: true }
    }
    const socket = new UdpSocket(this.#endpoint, this.#settings, this.#world, () => this.#sockets.delete(socket))
    this.#sockets.add(socket)
    return { socket, reused: false }
  }
}

class UdpSocket {
  readonly #endpoint: Endpoint
  readonly #world: UpstreamWorld
  readonly #socket: Socket
  readonly #pending: Pending
  readonly #bornMs: number
  readonly #lifeMs: number
  readonly #ready: Promise<void>
  readonly #closed: () => void
  #asked = 0
  #open = true

  constructor(endpoint: Endpoint, settings: ConnectionSettings, world: UpstreamWorld, closed: () => void) {
    this.#endpoint = endpoint
    this.#world = world
    this.#pending = new Pending(world.random)
    this.#bornMs = world.clock.nowMs()
    this.#lifeMs = settings.expireMs
    this.#closed = closed
    const v6 = isIPv6(endpoint.address)
    this.#socket = createSocket({ type: v6 ? 'udp6' : 'udp4', lookup: (host, _options, done) => done(null, host, v6 ? 6 : 4) })
    this.#socket.on('message', (bytes) => this.#receive(bytes))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#ready = new Promise((resolve) => {
      const connect = () => this.#socket.connect(endpoint.port, endpoint.address, () => resolve())
      if (settings.sourceAddress === undefined) connect()
      else this.#socket.bind({ address: settings.sourceAddress }, connect)
    })
    world.clock.after(this.#lifeMs, () => this.#retire())
  }

  get idle(): boolean {
    return this.#pending.size === 0
  }

  takes(nowMs: number): boolean {
    return this.#open && this.#asked < QUERIES_PER_SOCKET && this.#pending.size < PER_SOCKET && nowMs - this.#bornMs < this.#lifeMs
  }

  ask(request: Message, packet: Uint8Array, timeoutMs: number): Promise<Message> {
    this.#asked++
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { request, sentMs: this.#world.clock.nowMs(), resolve, reject, timer: undefined, mismatches: 0 }
      const id = this.#pending.add(waiting)
      waiting.timer = this.#world.clock.after(timeoutMs, () => this.#timeOut(id))
      void this.#ready.then(() => this.#send(packet, id))
    })
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#pending.failAll(new UpstreamError('closed', `${endpointLabel(this.#endpoint)}: closed`))
    this.#socket.close()
    this.#closed()
  }

  #send(packet: Uint8Array, id: number): void {
    if (!this.#open || this.#pending.get(id) === undefined) return
    const bytes = Uint8Array.from(packet)
    bytes[0] = id >> 8
    bytes[1] = id & 0xff
    this.#socket.send(bytes, (error) => {
      if (error !== null) this.#pending.take(id)?.reject(new UpstreamError('dial', `write udp ${this.#path()}: ${causeText(error)}`))
    })
  }

  /** What does not match is ignored until the deadline: the true answer may still come. */
  #receive(bytes: Uint8Array): void {
    if (bytes.length < 12) return
    const id = (bytes[0]! << 8) | bytes[1]!
    const waiting = this.#pending.get(id)
    if (waiting === undefined) return
    const reading = readReply(bytes, waiting.request)
    if (reading.kind === 'answer') this.#pending.take(id)!.resolve(reading.message)
    else if (reading.kind === 'mismatch') waiting.mismatches++
    if (this.#pending.size === 0 && !this.takes(this.#world.clock.nowMs())) this.close()
  }

  #timeOut(id: number): void {
    const waiting = this.#pending.take(id)
    waiting?.reject(new UpstreamError('timeout', `read udp ${this.#path()}: i/o timeout`, waiting.mismatches > 0))
    if (this.#pending.size === 0 && !this.takes(this.#world.clock.nowMs())) this.close()
  }

  /** An ICMP error: nobody listens there, or there is no way. */
  #fail(error: Error): void {
    const kind = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'refused' : 'dial'
    const text = kind === 'refused' ? `read udp ${this.#path()}: read: connection refused` : `dial udp ${endpointLabel(this.#endpoint)}: ${causeText(error)}`
    this.#pending.failAll(new UpstreamError(kind, text))
    this.close()
  }

  #retire(): void {
    if (this.#pending.size === 0) this.close()
  }

  #path(): string {
    let local = '?'
    try {
      const { address, port } = this.#socket.address()
      local = `${address.includes(':') ? `[${address}]` : address}:${port}`
    } catch {
      // Not bound yet, or closed by the error we are about to report: the address is only for the text.
    }
    return `${local}->${endpointLabel(this.#endpoint)}`
  }
}
