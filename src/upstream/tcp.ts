import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Timer } from '../base/clock.ts'
import { WriteBatch } from '../base/write-batch.ts'
import { FrameReader } from '../wire/frames.ts'
import type { Message } from '../wire/message.ts'
import { endpointLabel, type ConnectionSettings, type Endpoint, type Exchange, type UpstreamWorld } from './endpoint.ts'
import { causeText, UpstreamError } from './failure.ts'
import { Pending, readReply, type Waiting } from './pending.ts'

/** Connections to one upstream. */
const CONNECTIONS = 64
/** Questions under way on a connection whose peer has not been seen to answer out of order: one slow name stalls at most so many. */
const IN_ORDER_LIMIT = 4
/** Questions under way on a connection whose peer answers out of order. */
const PIPELINE_LIMIT = 256
const DIAL_TIMEOUT_MS = 3000

/** TCP or TLS to one upstream: persistent connections, questions pipelined on them (RFC 7766 6.2.1.1, RFC 7858 3.3). */
export class TcpPool {
  readonly #endpoint: Endpoint
  readonly #settings: ConnectionSettings
  readonly #world: UpstreamWorld
  readonly #connections = new Set<Connection>()
  /** The last TLS session, so that the next handshake is short. */
  #session: Buffer | undefined
  /** The peer has answered out of order once: all its connections may carry more. */
  #outOfOrder = false

  constructor(endpoint: Endpoint, settings: ConnectionSettings, world: UpstreamWorld) {
    this.#endpoint = endpoint
    this.#settings = settings
    this.#world = world
  }

  /** Asks once. Throws or rejects with UpstreamError; kind `stale` when a connection that had served before went away. */
  ask(request: Message, packet: Uint8Array, timeoutMs: number): Exchange {
    const { connection, reused } = this.#choose()
    return { reply: connection.ask(request, packet, timeoutMs), reused }
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  #choose(): { connection: Connection; reused: boolean } {
    const now = this.#world.clock.nowMs()
    const limit = this.#outOfOrder ? PIPELINE_LIMIT : IN_ORDER_LIMIT
    let best: Connection | undefined
    for (const connection of this.#connections) {
      if (connection.takes(now) && (best === undefined || connection.underWay < best.underWay)) best = connection
    }
    if (best !== undefined && (best.underWay < limit || (this.#connections.size >= CONNECTIONS && best.underWay < PIPELINE_LIMIT))) return { connection: best, reused: true }
    if (this.#connections.size >= CONNECTIONS) throw new UpstreamError('full', `${endpointLabel(this.#endpoint)}: too many queries under way over TCP`)
    const connection = new Connection(this.#endpoint, this.#settings, this.#world, this.#session, {
      closed: () => this.#connections.delete(connection),
      outOfOrder: () => { this.#outOfOrder = true },
      session: (session) => { this.#session = session },
      idle: () => this.#thinOut(),
    })
    this.#connections.add(connection)
    return { connection, reused: false }
  }

  /** Closes the oldest idle connections beyond `max_idle_conns`. */
  #thinOut(): void {
    const { maxIdle } = this.#settings
    if (maxIdle === 0) return
    const idle = [...this.#connections].filter((connection) => connection.underWay === 0)
    for (const connection of idle.slice(0, Math.max(0, idle.length - maxIdle))) connection.close()
  }
}

interface Events {
  closed(): void
  outOfOrder(): void
  session(session: Buffer): void
  idle(): void
}

class Connection {
  readonly #endpoint: Endpoint
  readonly #settings: ConnectionSettings
  readonly #world: UpstreamWorld
  readonly #events: Events
  readonly #socket: Socket
  readonly #batch: WriteBatch
  readonly #pending: Pending
  readonly #frames = new FrameReader()
  readonly #bornMs: number
  readonly #dialTimer: Timer
  #idleTimer: Timer | undefined
  #connected = false
  #served = 0
  #heardMs = 0
  #open = true

  constructor(endpoint: Endpoint, settings: ConnectionSettings, world: UpstreamWorld, session: Buffer | undefined, events: Events) {
    this.#endpoint = endpoint
    this.#settings = settings
    this.#world = world
    this.#events = events
    this.#pending = new Pending(world.random)
    this.#bornMs = world.clock.nowMs()
    this.#socket = endpoint.transport === 'tls' ? this.#dialTls(session) : this.#dialTcp()
    this.#socket.setNoDelay(true)
    this.#batch = new WriteBatch(this.#socket, world.clock)
    this.#socket.on(endpoint.transport === 'tls' ? 'secureConnect' : 'connect', () => this.#connect())
    this.#socket.on('data', (chunk) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(undefined))
    this.#dialTimer = world.clock.after(DIAL_TIMEOUT_MS, () => this.#fail(Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' })))
  }

  get underWay(): number {
    return this.#pending.size
  }

  takes(nowMs: number): boolean {
    const { maxAgeMs } = this.#settings
    return this.#open && (maxAgeMs === 0 || nowMs - this.#bornMs < maxAgeMs)
  }

  ask(request: Message, packet: Uint8Array, timeoutMs: number): Promise<Message> {
    this.#idleTimer?.cancel()
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { request, sentMs: this.#world.clock.nowMs(), resolve, reject, timer: undefined, mismatches: 0 }
      const id = this.#pending.add(waiting)
      waiting.timer = this.#world.clock.after(timeoutMs, () => this.#timeOut(id))
      const frame = Buffer.allocUnsafe(packet.length + 2)
      frame.writeUInt16BE(packet.length)
      frame.set(packet, 2)
      frame.writeUInt16BE(id, 2)
      this.#batch.hold()
      this.#socket.write(frame)
    })
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#dialTimer.cancel()
    this.#idleTimer?.cancel()
    this.#socket.destroy()
    this.#events.closed()
    this.#pending.failAll(new UpstreamError('closed', `${endpointLabel(this.#endpoint)}: closed`))
  }

  #dialTcp(): Socket {
    return connectTcp({ host: this.#endpoint.address, port: this.#endpoint.port, ...this.#source() })
  }

  #dialTls(session: Buffer | undefined): TLSSocket {
    const { tls } = this.#settings
    const serverName = this.#endpoint.serverName ?? tls?.serverName
    const socket = connectTls({
      host: this.#endpoint.address,
      port: this.#endpoint.port,
      minVersion: 'TLSv1.2',
      ...this.#source(),
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls?.key === undefined ? {} : { key: tls.key }),
      ...(session === undefined ? {} : { session }),
    })
    socket.on('session', (next) => this.#events.session(next))
    return socket
  }

  #source(): { localAddress?: string } {
    const { sourceAddress } = this.#settings
    return sourceAddress === undefined ? {} : { localAddress: sourceAddress }
  }

  #connect(): void {
    this.#connected = true
    this.#dialTimer.cancel()
  }

  #read(chunk: Uint8Array): void {
    this.#heardMs = this.#world.clock.nowMs()
    this.#frames.push(chunk)
    for (let packet = this.#frames.next(); packet !== undefined; packet = this.#frames.next()) this.#take(packet)
    if (this.#pending.size > 0 || !this.#open) return
    if (!this.takes(this.#heardMs)) return this.close()
    this.#idleTimer?.cancel()
    this.#idleTimer = this.#world.clock.after(this.#settings.expireMs, () => this.close())
    this.#events.idle()
  }

  #take(packet: Uint8Array): void {
    if (packet.length < 12) return
    const id = (packet[0]! << 8) | packet[1]!
    const waiting = this.#pending.get(id)
    if (waiting === undefined) return
    if (this.#pending.oldest !== id) this.#events.outOfOrder()
    const reading = readReply(packet, waiting.request)
    this.#pending.take(id)
    this.#served++
    // Nobody off the path can put octets into the stream: a reply to another question is the upstream's own mistake, and the caller's to judge.
    if (reading.kind === 'garbage') waiting.reject(new UpstreamError('closed', `read ${this.#network()} ${endpointLabel(this.#endpoint)}: the reply cannot be parsed`))
    else waiting.resolve(reading.message)
  }

  /** Silence since the question was sent may mean that the peer is gone without a word; others must not wait on it too. */
  #timeOut(id: number): void {
    const waiting = this.#pending.take(id)
    if (waiting === undefined) return
    waiting.reject(new UpstreamError('timeout', `read ${this.#network()} ${this.#path()}: i/o timeout`))
    if (this.#heardMs < waiting.sentMs) this.#fail(Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' }))
  }

  #fail(error: Error | undefined): void {
    if (!this.#open) return
    const reused = this.#served > 0
    const text = this.#connected
      ? `read ${this.#network()} ${this.#path()}: ${error === undefined ? 'EOF' : causeText(error)}`
      : `dial ${this.#network()} ${endpointLabel(this.#endpoint)}: ${error === undefined ? 'EOF' : `connect: ${causeText(error)}`}`
    const kind = this.#connected ? (reused ? 'stale' : 'closed') : (error as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED' ? 'refused' : 'dial'
    this.#pending.failAll(new UpstreamError(kind, text))
    this.close()
  }

  #network(): string {
    return this.#endpoint.transport === 'tls' ? 'tcp-tls' : 'tcp'
  }

  #path(): string {
    return `${this.#socket.localAddress ?? '?'}:${this.#socket.localPort ?? 0}->${endpointLabel(this.#endpoint)}`
  }
}
