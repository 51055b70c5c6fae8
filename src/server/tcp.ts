import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net'
import { sleep } from '../base/clock.ts'
import { TcpConnection } from './tcp-connection.ts'
import { forgetFarewells, giveToNewcomer } from './farewell.ts'
import { boundBuffers } from './stream-buffers.ts'
import type { Listener, ListenerWorld, Target } from './listener.ts'

/** Of one client address: more than a node's agent opens, fewer than would keep others out, of whom there is always room for as many. */
const CLIENT_LIMIT = 512

/** Opens a TCP listener with SO_REUSEPORT. Rejects with the system's error. */
export async function openTcp(address: string, port: number, target: Target, world: ListenerWorld): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  await listenTcp(server, address, port, world)
  return new TcpListener(server, target, world, 'connection')
}

/** Lets a server of any protocol listen as all of ours do. */
export async function listenTcp(server: Server, address: string, port: number, world: ListenerWorld): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port, reusePort: true, exclusive: true, ipv6Only: isIPv6(address) && address !== '::', backlog: 1024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  world.socketMark.apply(server)
  await boundBuffers(server)
}

/** DNS over a byte stream: TCP, or TLS over it. */
export class TcpListener implements Listener {
  readonly address: string
  readonly port: number
  protected readonly server: Server
  protected readonly target: Target
  readonly #world: ListenerWorld
  readonly #connections = new Set<TcpConnection>()
  readonly #clientLimit: number
  #leaving = false
  /** How many of them each client has. */
  readonly #byClient = new Map<string, number>()

  /** `event`: when a stream is ready for questions. */
  constructor(server: Server, target: Target, world: ListenerWorld, event: 'connection' | 'secureConnection') {
    const bound = server.address() as AddressInfo
    this.address = bound.address
    this.port = bound.port
    this.server = server
    this.target = target
    this.#world = world
    // Connections whose handshake is not over yet count as well.
    server.maxConnections = world.admission.connections
    this.#clientLimit = Math.min(CLIENT_LIMIT, Math.ceil(world.admission.connections / 2))
    server.on('drop', () => world.admission.connectionRefused())
    server.on(event, (socket: Socket) => this.#connect(socket))
    server.on('error', (error) => world.log.error(`tcp ${this.address}:${this.port}: ${error.message}`))
  }

  /** Connections are answered and closed, and new ones go to a newcomer on this port, if there is one. */
  async release(graceMs: number): Promise<void> {
    await giveToNewcomer(this.server)
    this.#leaving = true
    const known = [...this.#connections]
    for (const connection of known) connection.finish()
    await this.#ended(known, graceMs)
  }

  alone(): void {
    void forgetFarewells(this.server)
  }

  async drain(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve())
    })
    for (const connection of this.#connections) connection.finish()
    await this.#ended([...this.#connections], graceMs)
    for (const connection of this.#connections) connection.destroy()
    await closed
  }

  async #ended(connections: readonly TcpConnection[], graceMs: number): Promise<void> {
    const end = this.#world.clock.nowMs() + graceMs
    while (connections.some((each) => this.#connections.has(each)) && this.#world.clock.nowMs() < end) await sleep(this.#world.clock, 20)
  }

  #connect(socket: Socket): void {
    if (socket.destroyed) return
    const client = socket.remoteAddress ?? ''
    const held = this.#byClient.get(client) ?? 0
    if (this.#connections.size >= this.#world.admission.connections || held >= this.#clientLimit) {
      this.#world.admission.connectionRefused()
      socket.destroy()
      return
    }
    const connection = new TcpConnection(socket, this.target, this.#world, () => this.#forget(connection, client))
    this.#connections.add(connection)
    if (this.#leaving) connection.finishAfterFirst()
    this.#byClient.set(client, held + 1)
  }

  #forget(connection: TcpConnection, client: string): void {
    if (!this.#connections.delete(connection)) return
    const left = this.#byClient.get(client)! - 1
    if (left > 0) this.#byClient.set(client, left)
    else this.#byClient.delete(client)
  }
}
