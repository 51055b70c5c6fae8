import { Exchange, type Asker } from './exchange.ts'
import { UpstreamError } from './failure.ts'
import type { Request } from './request.ts'

/** `tcp-tls` only to endpoints over TLS. */
export type Network = 'udp' | 'tcp' | 'tcp-tls'

/** Who asked. Exactly one of these is called, unless the call is ended by `giveUp` or `timeOut`. */
export interface Caller {
  /** The octets of a reply with the right id. Good only during the call: their memory may be used again. */
  answered(reply: Uint8Array, call: Call): void
  failed(error: UpstreamError, call: Call): void
}

/** What a call needs of its upstream. */
export interface Line {
  readonly label: string
  nowMs(): number
  /** Hands a question to a socket or connection. Throws UpstreamError. */
  dispatch(exchange: Exchange, network: Network): void
  /** The call is over. */
  settled(exchange: Exchange, network: Network, reply: Uint8Array | undefined): void
  /** Another network to try, after a failure which says that this one is not there. */
  instead(network: Network, error: UpstreamError): Network | undefined
  /** Another network brought an answer: this one need not be tried for a while. */
  without(network: Network): void
}

/** A connection that had served before and is gone says nothing about the upstream: so often a question is sent again at once. */
const RESENDS = 2

/** One question to one upstream, which may need more than one sending. */
export class Call implements Asker {
  readonly #line: Line
  readonly request: Request
  readonly #caller: Caller
  #network: Network
  #exchange: Exchange
  #resends = 0
  /** The network tried first, and why another one was taken. */
  #before: { readonly network: Network; readonly error: UpstreamError } | undefined
  #over = false

  constructor(line: Line, request: Request, network: Network, caller: Caller) {
    this.#line = line
    this.request = request
    this.#network = network
    this.#caller = caller
    this.#exchange = new Exchange(request, this, line.nowMs())
  }

  get network(): Network {
    return this.#network
  }

  get silent(): boolean {
    return this.#exchange.silent
  }

  /** Answers came that did not match the question: someone guesses, so the next try should not use UDP. */
  get spoofed(): boolean {
    return this.#exchange.mismatches > 0
  }

  start(): void {
    try {
      this.#line.dispatch(this.#exchange, this.#network)
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      this.failed(error)
    }
  }

  answered(reply: Uint8Array, exchange: Exchange): void {
    if (this.#over) return
    this.#over = true
    if (this.#before !== undefined) this.#line.without(this.#before.network)
    this.#line.settled(exchange, this.#network, reply)
    this.#caller.answered(reply, this)
  }

  failed(error: UpstreamError): void {
    if (this.#over) return
    if (this.#again(error)) return
    this.#over = true
    this.#line.settled(this.#exchange, this.#network, undefined)
    this.#caller.failed(this.#before?.error ?? error, this)
  }

  /** The connection has been silent for too long: others should take another one. */
  doubt(): void {
    this.#exchange.carrier?.doubt()
  }

  /** Ends without an answer; the asker hears nothing. */
  giveUp(): void {
    this.#end(false)
  }

  /** Ends because time is up; the asker hears nothing. */
  timeOut(): UpstreamError {
    const path = this.#exchange.carrier?.path ?? this.#line.label
    this.#end(true)
    return new UpstreamError('timeout', `read ${this.#network} ${path}: i/o timeout`, this.spoofed)
  }

  #end(silent: boolean): void {
    if (this.#over) return
    this.#over = true
    this.#line.settled(this.#exchange, this.#network, undefined)
    this.#exchange.carrier?.forget(this.#exchange, silent)
  }

  #again(error: UpstreamError): boolean {
    const other = this.#line.instead(this.#network, error)
    if (other === undefined && (error.kind !== 'stale' || this.#resends === RESENDS)) return false
    if (other === undefined) this.#resends++
    else this.#before ??= { network: this.#network, error }
    this.#network = other ?? this.#network
    this.#exchange = new Exchange(this.request, this, this.#line.nowMs())
    this.start()
    return true
  }
}
