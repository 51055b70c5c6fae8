import { endpointLabel, type ConnectionSettings, type Endpoint, type UpstreamWorld } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import { UpstreamError } from './failure.ts'
import { Connection } from './tcp-connection.ts'

/** Connections to one upstream. */
const CONNECTIONS = 64
/** Questions under way on a connection whose peer has not been seen to answer out of order: one slow name stalls at most so many. */
const IN_ORDER_LIMIT = 4
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

  constructor(endpoint: Endpoint, settings: ConnectionSettings, world: UpstreamWorld) {
    this.#endpoint = endpoint
    this.#settings = settings
    this.#world = world
  }

  /** Sends a question. Throws UpstreamError when there is no room; the asker hears `stale` when a connection that had served before went away. */
  send(exchange: Exchange): void {
    this.#choose(exchange).send(exchange)
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  #choose(exchange: Exchange): Connection {
    const limit = this.#outOfOrder ? PIPELINE_LIMIT : IN_ORDER_LIMIT
    let best: Connection | undefined
    for (const connection of this.#connections) {
      if (!connection.takes(exchange.sentMs)) continue
      if (best === undefined || connection.underWay < best.underWay) best = connection
      if (best.underWay === 0) break
    }
    const full = this.#connections.size >= CONNECTIONS
    if (best !== undefined && best.underWay < (full ? PIPELINE_LIMIT : limit)) {
      exchange.reused = true
      return best
    }
    if (full) throw new UpstreamError('full', `${endpointLabel(this.#endpoint)}: too many queries under way over TCP`)
    return this.#open()
  }

  #open(): Connection {
    const connection = new Connection(this.#endpoint, this.#settings, this.#world, this.#session, {
      closed: () => this.#connections.delete(connection),
      outOfOrder: () => { this.#outOfOrder = true },
      session: (session) => { this.#session = session },
      idle: () => this.#thinOut(),
    })
    this.#connections.add(connection)
    return connection
  }

  /** Closes the oldest idle connections beyond `max_idle_conns`. */
  #thinOut(): void {
    const { maxIdle } = this.#settings
    if (maxIdle === 0) return
    const idle = [...this.#connections].filter((connection) => connection.underWay === 0)
    for (const connection of idle.slice(0, Math.max(0, idle.length - maxIdle))) connection.close()
  }
}
