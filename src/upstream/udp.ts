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
    let open = 0
    let idle = 0
    for (const socket of this.#sockets) {
      if (!socket.takes(nowMs)) continue
      open++
      if (socket.idle) idle++
    }
    const onlyIdle = open < ENOUGH && idle > 0
    if (open < ENOUGH && idle === 0 && this.#sockets.length < 2 * SOCKETS) return undefined
    if (open === 0) throw new UpstreamError('full', `${endpointLabel(this.#endpoint)}: too many queries under way over UDP`)
    let left = this.#world.random.int(onlyIdle ? idle : open)
    for (const socket of this.#sockets) if (socket.takes(nowMs) && (socket.idle || !onlyIdle) && left-- === 0) return socket
    return undefined
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
