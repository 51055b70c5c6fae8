import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { endpointLabel, type ConnectionSettings, type Endpoint, type UpstreamWorld } from './endpoint.ts'
import type { Carrier, Exchange } from './exchange.ts'
import { causeText, UpstreamError } from './failure.ts'
import { idOf, Pending, withId } from './pending.ts'
import { matchReply } from './request.ts'

/** Questions under way on one socket. */
const PER_SOCKET = 512
/** A socket takes no new questions after so many, so that its port does not become known. */
const QUERIES_PER_SOCKET = 4096

/** One connected UDP socket to an upstream: the kernel drops what comes from elsewhere. */
export class UdpSocket implements Carrier {
  readonly #endpoint: Endpoint
  readonly #world: UpstreamWorld
  readonly #socket: Socket
  readonly #pending: Pending
  readonly #bornMs: number
  readonly #lifeMs: number
  readonly #closed: () => void
  #connected = false
  #asked = 0
  #open = true
  heardMs = -Infinity

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
    const connect = () => this.#socket.connect(endpoint.port, endpoint.address, this.#connect)
    if (settings.sourceAddress === undefined) connect()
    else this.#socket.bind({ address: settings.sourceAddress }, connect)
    world.clock.after(this.#lifeMs, () => this.#retire())
  }

  get idle(): boolean {
    return this.#pending.size === 0
  }

  get path(): string {
    let local = '?'
    try {
      const { address, port } = this.#socket.address()
      local = `${address.includes(':') ? `[${address}]` : address}:${port}`
    } catch {
      // Not bound yet, or closed by the error we are about to report: the address is only for the text.
    }
    return `${local}->${endpointLabel(this.#endpoint)}`
  }

  takes(nowMs: number): boolean {
    return this.#open && this.#asked < QUERIES_PER_SOCKET && this.#pending.size < PER_SOCKET && nowMs - this.#bornMs < this.#lifeMs
  }

  send(exchange: Exchange): void {
    exchange.carrier = this
    this.#pending.add(exchange)
    this.#asked++
    if (this.#connected) this.#transmit(exchange)
  }

  forget(exchange: Exchange): void {
    if (this.#pending.remove(exchange)) this.#retire()
  }

  /** Datagrams have no order: one that is lost says nothing about the next. */
  doubt(): void {}

  close(): void {
    this.#end(new UpstreamError('closed', `${endpointLabel(this.#endpoint)}: closed`))
  }

  /** Without a way to the address, connecting fails at once. The types know of no error here. */
  readonly #connect = (error?: Error): void => {
    if (!this.#open) return
    if (error) return this.#fail(error)
    this.#connected = true
    for (const exchange of this.#pending.all()) this.#transmit(exchange)
  }

  #transmit(exchange: Exchange): void {
    this.#socket.send(withId(exchange.request.packet, exchange.id), (error) => {
      if (error !== null && this.#pending.remove(exchange)) exchange.asker.failed(new UpstreamError('dial', `write udp ${this.path}: ${causeText(error)}`), exchange)
    })
  }

  /** What does not match is ignored until the deadline: the true answer may still come. */
  #receive(bytes: Uint8Array): void {
    if (bytes.length < 12) return
    const exchange = this.#pending.get(idOf(bytes))
    if (exchange === undefined) return
    const match = matchReply(exchange.request, bytes)
    const { exactCase, proves } = exchange.request
    if (match === 'no' || (match === 'other-case' && exactCase) || proves?.(bytes) === false) {
      exchange.mismatches++
      return
    }
    this.heardMs = this.#world.clock.nowMs()
    this.#pending.remove(exchange)
    exchange.asker.answered(bytes, exchange)
    this.#retire()
  }

  /** An ICMP error: nobody listens there, or there is no way. */
  #fail(error: Error): void {
    const kind = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'refused' : 'dial'
    const text = kind === 'refused' ? `read udp ${this.path}: read: connection refused` : `dial udp ${endpointLabel(this.#endpoint)}: ${causeText(error)}`
    this.#end(new UpstreamError(kind, text))
  }

  /** A socket at the end of its time closes when nothing is under way any more. */
  #retire(): void {
    if (this.#pending.size === 0 && !this.takes(this.#world.clock.nowMs())) this.close()
  }

  #end(why: UpstreamError): void {
    if (!this.#open) return
    this.#open = false
    this.#socket.close()
    this.#closed()
    this.#pending.failAll(why)
  }
}
