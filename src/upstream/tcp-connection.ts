import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Timer } from '../base/clock.ts'
import { FrameBatch } from '../base/frame-batch.ts'
import { FrameReader } from '../wire/frames.ts'
import { endpointLabel, type ConnectionSettings, type Endpoint, type UpstreamWorld } from './endpoint.ts'
import type { Carrier, Exchange } from './exchange.ts'
import { causeText, UpstreamError } from './failure.ts'
import { idOf, Pending } from './pending.ts'

const DIAL_TIMEOUT_MS = 3000

/** What a connection tells its pool. */
export interface Events {
  closed(): void
  outOfOrder(): void
  /** Answers came together, after a silence with questions under way since `sinceMs`. */
  answered(answers: number, sinceMs: number, nowMs: number): void
  session(session: Buffer): void
  idle(): void
}

/** One TCP or TLS connection to an upstream with the questions under way on it. */
export class Connection implements Carrier {
  readonly #endpoint: Endpoint
  readonly #settings: ConnectionSettings
  readonly #world: UpstreamWorld
  readonly #events: Events
  readonly #socket: Socket
  readonly #batch: FrameBatch
  readonly #pending: Pending
  readonly #frames = new FrameReader()
  readonly #bornMs: number
  readonly #dialTimer: Timer
  #acknowledge: () => void = () => undefined
  #idleTimer: Timer | undefined
  #idleSinceMs = 0
  #connected = false
  #asked = 0
  #served = 0
  #ordered = true
  #doubted = false
  #open = true
  heardMs = -Infinity

  constructor(endpoint: Endpoint, settings: ConnectionSettings, world: UpstreamWorld, session: Buffer | undefined, events: Events) {
    this.#endpoint = endpoint
    this.#settings = settings
    this.#world = world
    this.#events = events
    this.#pending = new Pending(world.random)
    this.#bornMs = world.clock.nowMs()
    this.#socket = endpoint.transport === 'tls' ? this.#dialTls(session) : this.#dialTcp()
    this.#socket.setNoDelay(true)
    this.#batch = new FrameBatch(this.#socket, world.clock)
    this.#socket.on(endpoint.transport === 'tls' ? 'secureConnect' : 'connect', () => this.#connect())
    this.#socket.on('data', (chunk) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(undefined))
    this.#dialTimer = world.clock.after(DIAL_TIMEOUT_MS, () => this.#fail(timedOut()))
  }

  get underWay(): number {
    return this.#pending.size
  }

  get path(): string {
    return `${this.#socket.localAddress ?? '?'}:${this.#socket.localPort ?? 0}->${endpointLabel(this.#endpoint)}`
  }

  takes(nowMs: number): boolean {
    return !this.#doubted && this.#alive(nowMs)
  }

  send(exchange: Exchange): void {
    exchange.carrier = this
    this.#pending.add(exchange)
    this.#asked++
    this.#batch.push(exchange.request.packet, exchange.request.packet.length, exchange.id)
  }

  /** Silence since the question was sent means that the peer is gone without a word, or stuck; others must not wait on it too. */
  forget(exchange: Exchange, silent: boolean): void {
    if (!this.#pending.remove(exchange)) return
    if (silent && this.heardMs < exchange.sentMs) this.#fail(timedOut())
  }

  doubt(): void {
    this.#doubted = true
  }

  close(): void {
    this.#end(new UpstreamError('closed', `${endpointLabel(this.#endpoint)}: closed`))
  }

  #alive(nowMs: number): boolean {
    const { maxAgeMs, maxQueries } = this.#settings
    return this.#open && (maxAgeMs === 0 || nowMs - this.#bornMs < maxAgeMs) && (maxQueries === 0 || this.#asked < maxQueries)
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
      rejectUnauthorized: tls?.verify ?? true,
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
    this.#acknowledge = this.#world.streams.acknowledger(this.#socket)
  }

  #read(chunk: Uint8Array): void {
    const nowMs = this.#world.clock.nowMs()
    const oldest = this.#pending.oldest
    const sinceMs = oldest === undefined ? nowMs : Math.max(this.heardMs, oldest.sentMs)
    const servedBefore = this.#served
    this.heardMs = nowMs
    this.#doubted = false
    this.#frames.push(chunk)
    for (let packet = this.#frames.next(); packet !== undefined; packet = this.#frames.next()) this.#take(packet)
    if (this.#ordered) this.#events.answered(this.#served - servedBefore, sinceMs, nowMs)
    if (!this.#open) return
    if (this.#pending.size > 0) return this.#acknowledge()
    if (!this.#alive(this.heardMs)) return this.close()
    this.#idleSinceMs = this.heardMs
    this.#idleTimer ??= this.#world.clock.after(this.#settings.expireMs, this.#expire)
    this.#events.idle()
  }

  /** One timer runs all the time, because a busy connection is idle for a moment after each answer. */
  readonly #expire = (): void => {
    this.#idleTimer = undefined
    if (!this.#open || this.#pending.size > 0) return
    const leftMs = this.#idleSinceMs + this.#settings.expireMs - this.#world.clock.nowMs()
    if (leftMs <= 0) this.close()
    else this.#idleTimer = this.#world.clock.after(leftMs, this.#expire)
  }

  #take(packet: Uint8Array): void {
    if (packet.length < 12) return
    const exchange = this.#pending.get(idOf(packet))
    if (exchange === undefined) return
    if (this.#ordered && this.#pending.oldest !== exchange) {
      this.#ordered = false
      this.#events.outOfOrder()
    }
    this.#pending.remove(exchange)
    this.#served++
    // Nobody off the path can put octets into the stream: a reply to another question is the upstream's own mistake, and the asker's to judge.
    exchange.asker.answered(packet, exchange)
  }

  #fail(error: Error | undefined): void {
    if (!this.#open) return
    const network = this.#endpoint.transport === 'tls' ? 'tcp-tls' : 'tcp'
    const text = this.#connected
      ? `read ${network} ${this.path}: ${error === undefined ? 'EOF' : causeText(error)}`
      : `dial ${network} ${endpointLabel(this.#endpoint)}: ${error === undefined ? 'EOF' : `connect: ${causeText(error)}`}`
    const kind = this.#connected ? (this.#served > 0 ? 'stale' : 'closed') : (error as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED' ? 'refused' : 'dial'
    this.#end(new UpstreamError(kind, text))
  }

  /** The pool forgets it first: who hears of the failure may ask again at once. */
  #end(why: UpstreamError): void {
    if (!this.#open) return
    this.#open = false
    this.#dialTimer.cancel()
    this.#idleTimer?.cancel()
    this.#socket.destroy()
    this.#events.closed()
    this.#pending.failAll(why)
  }
}

function timedOut(): Error {
  return Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' })
}
