import { endpointLabel, type ConnectionSettings, type Endpoint, type UpstreamWorld } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import { UpstreamError } from './failure.ts'
import { Connection } from './tcp-connection.ts'

/** Connections to one upstream. */
const CONNECTIONS = 64
/** Questions under way on a connection whose peer has not been seen to answer out of order: one slow name stalls at most so many. */
const IN_ORDER_LIMIT = 4
/** As long as such a peer never lets a connection wait, more of them go on one, so that fewer writes carry them. */
const IN_ORDER_MOST = 32
/** Answers without a wait that double the number, and the silence with questions under way that halves it. */
const FAST_ANSWERS = 128
const WAIT_MS = 20
/** When we have neither asked nor heard anything for so long, we may have had no processor, and the time says nothing about the peer. */
const PAUSE_MS = 5
/** Questions under way on a connection whose peer answers out of order. */
const PIPELINE_LIMIT = 256

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
  #inOrderLimit = IN_ORDER_LIMIT
  #fastAnswers = 0
  #stirredMs = 0
  /** The last pause. */
  #pauseFromMs = 0
  #pauseToMs = 0

  constructor(endpoint: Endpoint, settings: ConnectionSettings, world: UpstreamWorld) {
    this.#endpoint = endpoint
    this.#settings = settings
    this.#world = world
  }

  /** Sends a question. Throws UpstreamError when there is no room; the asker hears `stale` when a connection that had served before went away. */
  send(exchange: Exchange): void {
    this.#stir(exchange.sentMs)
    this.#choose(exchange).send(exchange)
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  /** The first connection with room, so that the questions of one turn leave together; when all are busy, the one with least to do. */
  #choose(exchange: Exchange): Connection {
    const limit = this.#outOfOrder ? PIPELINE_LIMIT : this.#inOrderLimit
    let least: Connection | undefined
    for (const connection of this.#connections) {
      if (!connection.takes(exchange.sentMs)) continue
      if (least === undefined || connection.underWay < least.underWay) least = connection
      if (connection.underWay < limit) {
        least = connection
        break
      }
    }
    const full = this.#connections.size >= CONNECTIONS
    if (least !== undefined && least.underWay < (full ? PIPELINE_LIMIT : limit)) {
      exchange.reused = true
      return least
    }
    if (full) throw new UpstreamError('full', `${endpointLabel(this.#endpoint)}: too many queries under way over TCP`)
    return this.#open()
  }

  #open(): Connection {
    const connection = new Connection(this.#endpoint, this.#settings, this.#world, this.#session, {
      closed: () => this.#connections.delete(connection),
      outOfOrder: () => { this.#outOfOrder = true },
      answered: (answers, sinceMs, nowMs) => this.#answered(answers, sinceMs, nowMs),
      session: (session) => { this.#session = session },
      idle: () => this.#thinOut(),
    })
    this.#connections.add(connection)
    return connection
  }

  /** CoreDNS asks upstreams of its own before it goes on with a connection: then there are waits, and few questions must share them. */
  #answered(answers: number, sinceMs: number, nowMs: number): void {
    this.#stir(nowMs)
    this.#fastAnswers += answers
    const pausedMs = Math.max(0, this.#pauseToMs - Math.max(sinceMs, this.#pauseFromMs))
    if (nowMs - sinceMs - pausedMs > WAIT_MS) {
      this.#inOrderLimit = Math.max(IN_ORDER_LIMIT, this.#inOrderLimit / 2)
      this.#fastAnswers = 0
    } else if (this.#fastAnswers >= FAST_ANSWERS) {
      this.#inOrderLimit = Math.min(IN_ORDER_MOST, 2 * this.#inOrderLimit)
      this.#fastAnswers = 0
    }
  }

  #stir(nowMs: number): void {
    if (nowMs - this.#stirredMs > PAUSE_MS) {
      this.#pauseFromMs = this.#stirredMs
      this.#pauseToMs = nowMs
    }
    this.#stirredMs = nowMs
  }

  /** Closes the oldest idle connections beyond `max_idle_conns`. */
  #thinOut(): void {
    const { maxIdle } = this.#settings
    if (maxIdle === 0) return
    const idle = [...this.#connections].filter((connection) => connection.underWay === 0)
    for (const connection of idle.slice(0, Math.max(0, idle.length - maxIdle))) connection.close()
  }
}
