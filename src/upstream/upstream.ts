import type { Protocol } from '../core/query.ts'
import { decodeMessage } from '../wire/decode.ts'
import type { Message, WireError } from '../wire/message.ts'
import { Call, type Caller, type Line, type Network } from './call.ts'
import { CookieJar } from './cookies.ts'
import { endpointLabel, type ConnectionSettings, type Endpoint, type UpstreamWorld } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import { UpstreamError } from './failure.ts'
import { Health, type HealthSettings } from './health.ts'
import type { UpstreamMetrics, UpstreamMetricsOf } from './metrics.ts'
import { makeRequest, rcodeOf, type Request } from './request.ts'
import { TcpPool } from './tcp.ts'
import { UdpPool } from './udp.ts'

/** An upstream that refused TCP, or TLS where that may be left out, is asked without it for so long. */
const WITHOUT_MS = 10_000
/** Latency below this makes no difference between upstreams: it is the queue that does. */
const FAST_MS = 5
/** A latency that has not been seen for so long counts half: what was slow once gets another chance. */
const HALF_LIFE_MS = 10_000
const PLAIN_PORT = 53
const FOLDS_CASE_MS = 600_000

export interface UpstreamSettings {
  readonly connections: ConnectionSettings
  readonly health: HealthSettings
  /** Speak of DNS cookies (RFC 7873). */
  readonly cookies: boolean
}

/** One server to ask, with its sockets, its connections and its health. */
export class Upstream implements Line {
  readonly label: string
  readonly endpoint: Endpoint
  readonly health: Health
  readonly #udp: UdpPool
  readonly #tcp: TcpPool
  /** Of an endpoint over TLS that may be asked without. */
  readonly #plain: { readonly udp: UdpPool; readonly tcp: TcpPool } | undefined
  readonly #world: UpstreamWorld
  readonly #metrics: UpstreamMetrics
  #noTcpUntilMs = -Infinity
  #noTlsUntilMs = -Infinity
  readonly #cookies: CookieJar | undefined
  /** Answers come with the letters' case changed: until then, questions go as the client wrote them. */
  #foldsCaseUntilMs = -Infinity
  #closed = false
  #outstanding = 0
  #latencyMs = 0
  #answeredMs = 0
  #asked = 0
  #unanswered = 0

  constructor(endpoint: Endpoint, settings: UpstreamSettings, world: UpstreamWorld, metrics: UpstreamMetricsOf) {
    this.label = endpointLabel(endpoint)
    this.endpoint = endpoint
    this.#world = world
    this.#metrics = metrics(this.label)
    this.#cookies = settings.cookies ? new CookieJar(world.random) : undefined
    this.#udp = new UdpPool(endpoint, settings.connections, world)
    this.#tcp = new TcpPool(endpoint, settings.connections, world)
    if (endpoint.transport === 'tls' && settings.connections.tls?.verify === false) {
      const plain: Endpoint = { address: endpoint.address, port: PLAIN_PORT, transport: 'dns' }
      this.#plain = { udp: new UdpPool(plain, settings.connections, world), tcp: new TcpPool(plain, settings.connections, world) }
    }
    this.health = new Health(settings.health, world.clock, {
      probe: (request, protocol) => this.exchange(request, protocol, settings.health.timeoutMs).then(() => undefined),
      failed: () => this.#metrics.healthFailed(),
    })
  }

  /** Questions under way. */
  get outstanding(): number {
    return this.#outstanding
  }

  /** For people: questions asked, probes among them, and how they came back. */
  get record(): { readonly asked: number; readonly failed: number; readonly latencyMs: number | undefined } {
    return { asked: this.#asked, failed: this.#unanswered, latencyMs: this.#asked > this.#unanswered ? this.#latencyMs : undefined }
  }

  /** How long a further question will take, relative to other upstreams. */
  cost(nowMs: number): number {
    const latencyMs = this.#latencyMs * 0.5 ** ((nowMs - this.#answeredMs) / HALF_LIFE_MS)
    return (this.#outstanding + 1) * Math.max(latencyMs, FAST_MS)
  }

  /** A question to be sent under a random id with `start`, whose outcome the caller hears, maybe before `start` returns; there is no time limit. */
  call(request: Request, protocol: Protocol, caller: Caller): Call {
    this.#outstanding++
    return new Call(this, this.#cookies?.dress(request) ?? request, this.#network(protocol), caller)
  }

  /**
   * Asks and waits at most `timeoutMs`. Over TCP the reply may be to another question. Rejects with UpstreamError, or WireError when
   * request or reply has no wire form.
   */
  exchange(message: Message, protocol: Protocol, timeoutMs: number): Promise<Message> {
    return new Promise((resolve, reject) => {
      const call = this.call(makeRequest(message), protocol, {
        answered(reply) {
          timer.cancel()
          try {
            resolve(decodeMessage(reply))
          } catch (error) {
            reject(error as WireError)
          }
        },
        failed(error) {
          timer.cancel()
          reject(error)
        },
      })
      const timer = this.#world.clock.after(timeoutMs, () => reject(call.timeOut()))
      call.start()
    })
  }

  /** Whether an answer repeats the letters' case of its question. */
  get keepsCase(): boolean {
    return this.#world.clock.nowMs() >= this.#foldsCaseUntilMs
  }

  /** An answer that only the upstream can have sent did not. */
  foldsCase(): void {
    this.#foldsCaseUntilMs = this.#world.clock.nowMs() + FOLDS_CASE_MS
  }

  close(): void {
    this.#closed = true
    this.health.stop()
    for (const pool of [this.#udp, this.#tcp, this.#plain?.udp, this.#plain?.tcp]) pool?.close()
  }

  /** Hands the question to a socket. Throws UpstreamError. */
  dispatch(exchange: Exchange, network: Network): void {
    if (this.#closed) throw new UpstreamError('closed', `${this.label}: closed`)
    const plain = network !== 'tcp-tls' ? this.#plain : undefined
    if (network === 'udp') (plain?.udp ?? this.#udp).send(exchange)
    else (plain?.tcp ?? this.#tcp).send(exchange)
  }

  /** A call is over, with a reply or without. */
  settled(exchange: Exchange, network: Network, reply: Uint8Array | undefined): void {
    this.#outstanding--
    this.#asked++
    if (reply === undefined) {
      this.#unanswered++
      return
    }
    this.#cookies?.learn(reply, network)
    const nowMs = this.#world.clock.nowMs()
    const tookMs = nowMs - exchange.sentMs
    this.#latencyMs += (tookMs - this.#latencyMs) / 8
    this.#answeredMs = nowMs
    this.health.answered()
    this.#metrics.exchanged(network, exchange.reused, rcodeOf(reply), tookMs)
  }

  instead(network: Network, error: UpstreamError): Network | undefined {
    if (network === 'tcp' && error.kind === 'refused') return 'udp'
    const unencrypted = network === 'tcp-tls' && this.#plain !== undefined && (error.kind === 'refused' || error.kind === 'dial')
    return unencrypted ? 'udp' : undefined
  }

  without(network: Network): void {
    const untilMs = this.#world.clock.nowMs() + WITHOUT_MS
    if (network === 'tcp') this.#noTcpUntilMs = untilMs
    else this.#noTlsUntilMs = untilMs
  }

  nowMs(): number {
    return this.#world.clock.nowMs()
  }

  #network(protocol: Protocol): Network {
    const nowMs = this.#world.clock.nowMs()
    if (this.endpoint.transport === 'tls' && nowMs >= this.#noTlsUntilMs) return 'tcp-tls'
    return protocol === 'tcp' && nowMs < this.#noTcpUntilMs ? 'udp' : protocol
  }
}
