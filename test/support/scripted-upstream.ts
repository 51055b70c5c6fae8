import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { decodeMessage } from '../../src/wire/decode.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { FrameReader } from '../../src/wire/frames.ts'
import { Message } from '../../src/wire/message.ts'
import { parseRecord } from '../../src/wire/record.ts'
import { freePort } from './ports.ts'

/** A question as it came, and the ways to answer it. */
export interface Asked {
  readonly query: Message
  readonly protocol: 'udp' | 'tcp' | 'tls'
  /** Number of the connection or client port that it came by. */
  readonly from: number
  /** Octets as they are. */
  send(packet: Uint8Array): void
  /** A reply to the question with these records, changed by `edit`. */
  answer(records: readonly string[], edit?: (reply: Message) => void): void
  /** The same from another port: what a spoofer off the path would send. */
  spoof(records: readonly string[], edit?: (reply: Message) => void): void
  /** Closes the connection. */
  hangUp(): void
}

/** A server on loopback that does what the test says with each question. */
export class ScriptedUpstream {
  readonly port: number
  readonly asked: Asked[] = []
  readonly #script: (asked: Asked) => void
  readonly #udp: UdpSocket
  readonly #spoofer: UdpSocket
  readonly #stream: Server
  readonly #connections = new Set<Socket>()
  /** Connections ever opened. */
  connections = 0

  private constructor(port: number, script: (asked: Asked) => void, tls: TlsOptions | undefined) {
    this.port = port
    this.#script = script
    this.#udp = createSocket('udp4', (packet, peer) => this.#take(packet, 'udp', peer.port, (bytes) => this.#udp.send(bytes, peer.port, peer.address), (bytes) => this.#spoofer.send(bytes, peer.port, peer.address), () => {}))
    this.#spoofer = createSocket('udp4')
    const accept = (socket: Socket) => this.#accept(socket, tls === undefined ? 'tcp' : 'tls')
    this.#stream = tls === undefined ? createTcpServer(accept) : createTlsServer(tls, accept)
  }

  static async open(script: (asked: Asked) => void, options: { readonly tls?: TlsOptions; readonly port?: number } = {}): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream(options.port ?? await freePort(), script, options.tls)
    await new Promise<void>((resolve) => { upstream.#udp.bind(upstream.port, '127.0.0.1', resolve) })
    await new Promise<void>((resolve) => { upstream.#spoofer.bind(0, '127.0.0.1', resolve) })
    await new Promise<void>((resolve) => { upstream.#stream.listen(upstream.port, '127.0.0.1', resolve) })
    return upstream
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  close(): void {
    this.#udp.close()
    this.#spoofer.close()
    this.#stream.close()
    for (const connection of this.#connections) connection.destroy()
  }

  #accept(socket: Socket, protocol: 'tcp' | 'tls'): void {
    const number = ++this.connections
    const frames = new FrameReader()
    this.#connections.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#connections.delete(socket))
    const send = (bytes: Uint8Array) => socket.write(Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]))
    socket.on('data', (chunk) => {
      frames.push(chunk)
      for (let packet = frames.next(); packet !== undefined; packet = frames.next()) this.#take(packet, protocol, number, send, send, () => socket.destroy())
    })
  }

  #take(packet: Uint8Array, protocol: Asked['protocol'], from: number, send: (bytes: Uint8Array) => void, spoof: (bytes: Uint8Array) => void, hangUp: () => void): void {
    const query = decodeMessage(Uint8Array.from(packet))
    const asked: Asked = {
      query, protocol, from, send, hangUp,
      answer: (records, edit) => send(encodeMessage(replyTo(query, records, edit))),
      spoof: (records, edit) => spoof(encodeMessage(replyTo(query, records, edit))),
    }
    this.asked.push(asked)
    this.#script(asked)
  }
}

function replyTo(query: Message, records: readonly string[], edit: ((reply: Message) => void) | undefined): Message {
  const reply = new Message()
  Object.assign(reply, { id: query.id, qr: true, rd: query.rd, ra: true, questions: query.questions, answers: records.map((text) => parseRecord(text)) })
  edit?.(reply)
  return reply
}
