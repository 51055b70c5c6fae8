import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls'
import { FrameReader } from '../../src/wire/frames.ts'

/** A packet that came, and the ways back. */
export interface Received {
  readonly packet: Uint8Array
  readonly protocol: 'udp' | 'tcp' | 'tls'
  /** The client's port over UDP, the number of the connection over TCP. */
  readonly from: number
  send(reply: Uint8Array): void
  /** Closes the connection; nothing over UDP. */
  hangUp(): void
  /** Over UDP, the same from another port. */
  spoof(reply: Uint8Array): void
}

/** UDP and TCP (or TLS) at one port of loopback, for the servers of tests. */
export class DnsListener {
  readonly #udp: UdpSocket
  readonly #spoofer: UdpSocket
  readonly #stream: Server
  readonly #take: (received: Received) => void
  readonly #connections = new Set<Socket>()
  /** Connections ever opened. */
  opened = 0
  /** Of them, those over TLS whose handshake was short: the client knew an earlier session. */
  resumed = 0

  private constructor(take: (received: Received) => void, tls: TlsOptions | undefined) {
    this.#take = take
    this.#spoofer = createSocket('udp4')
    this.#udp = createSocket('udp4', (packet, { port, address }) => take({
      packet, protocol: 'udp', from: port, hangUp: () => {},
      send: (reply) => this.#udp.send(reply, port, address),
      spoof: (reply) => this.#spoofer.send(reply, port, address),
    }))
    const accept = (socket: Socket) => this.#accept(socket, tls === undefined ? 'tcp' : 'tls')
    this.#stream = tls === undefined ? createTcpServer(accept) : createTlsServer(tls, accept)
  }

  static async open(port: number, take: (received: Received) => void, tls?: TlsOptions, tcp = true): Promise<DnsListener> {
    const listener = new DnsListener(take, tls)
    await new Promise<void>((resolve) => { listener.#udp.bind(port, '127.0.0.1', resolve) })
    await new Promise<void>((resolve) => { listener.#spoofer.bind(0, '127.0.0.1', resolve) })
    if (tcp) await new Promise<void>((resolve) => { listener.#stream.listen(port, '127.0.0.1', resolve) })
    return listener
  }

  close(): void {
    this.#udp.close()
    this.#spoofer.close()
    if (this.#stream.listening) this.#stream.close()
    for (const connection of this.#connections) connection.destroy()
  }

  #accept(socket: Socket, protocol: 'tcp' | 'tls'): void {
    const from = ++this.opened
    if (socket instanceof TLSSocket && socket.isSessionReused()) this.resumed++
    const frames = new FrameReader()
    this.#connections.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#connections.delete(socket))
    const send = (reply: Uint8Array) => void socket.write(Buffer.concat([Buffer.of(reply.length >> 8, reply.length & 0xff), reply]))
    socket.on('data', (chunk) => {
      frames.push(chunk)
      for (let packet = frames.next(); packet !== undefined; packet = frames.next()) this.#take({ packet: Uint8Array.from(packet), protocol, from, send, spoof: send, hangUp: () => socket.destroy() })
    })
  }
}
