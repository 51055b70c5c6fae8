import { endpointLabel, type ConnectionSettings, type Endpoint, type UpstreamWorld } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import { UpstreamError } from './failure.ts'
import { UdpSocket } from './udp-socket.ts'

/** Sockets open at once to one upstream: each has a source port of its own, so that guessing an answer means guessing the port too. */
const SOCKETS = 16
/** With so many open, a question takes any of them rather than one that is idle. */
const ENOUGH = 8

/** UDP to one upstream over a rotating set of connected sockets (RFC 5452 9.2). */
export class UdpPool {
  readonly #endpoint: Endpoint
  readonly #settings: ConnectionSettings
  readonly #world: UpstreamWorld
  readonly #sockets: UdpSocket[] = []

  constructor(endpoint: Endpoint, settings: ConnectionSettings, world: UpstreamWorld) {
    this.#endpoint = endpoint
    this.#settings = settings
    this.#world = world
  }

  /** Sends a question. Throws UpstreamError when there is no room. */
  send(exchange: Exchange): void {
    const socket = this.#choose(exchange.sentMs)
    exchange.reused = socket !== undefined
    ;(socket ?? this.#openSocket()).send(exchange)
  }

  close(): void {
    for (const socket of this.#sockets.slice()) socket.close()
  }

  /** An open socket at random, or undefined when another one should be opened. */
  #choose(nowMs: number): UdpSocket | undefined {
    const open = this.#sockets.filter((socket) => socket.takes(nowMs))
    const few = open.length < ENOUGH
    const from = few ? open.filter((socket) => socket.idle) : open
    if (from.length > 0) return from[this.#world.random.int(from.length)]
    if (this.#sockets.length < 2 * SOCKETS) return undefined
    if (open.length === 0) throw new UpstreamError('full', `${endpointLabel(this.#endpoint)}: too many queries under way over UDP`)
    return open[this.#world.random.int(open.length)]
  }

  #openSocket(): UdpSocket {
    const socket = new UdpSocket(this.#endpoint, this.#settings, this.#world, () => {
      const at = this.#sockets.indexOf(socket)
      if (at >= 0) this.#sockets.splice(at, 1)
    })
    this.#sockets.push(socket)
    return socket
  }
}
