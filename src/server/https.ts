import { createServer as createHttpServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { sleep } from '../base/clock.ts'
import { acceptPacket } from './accept.ts'
import { cacheControl, DOH_PATH, DOH_TYPE, MESSAGE_LIMIT, queryParameter, splitTarget } from './doh.ts'
import type { Listener, ListenerWorld, Target } from './listener.ts'
import { peerOf } from './peer.ts'
import { certificateRequest, type ServerTls } from './server-tls.ts'
import { listenTcp } from './tcp.ts'
import { guardHandshakes, renewContext } from './tls.ts'

/** Queries of one HTTP/2 connection at once. */
const STREAM_LIMIT = 128

type Request = IncomingMessage | Http2ServerRequest
type Response = ServerResponse | Http2ServerResponse

/** Opens a listener for DNS over HTTPS (RFC 8484); without a certificate it speaks plain HTTP/1.1. Rejects with the system's error. */
export async function openHttps(address: string, port: number, target: Target, tls: ServerTls | undefined, world: ListenerWorld): Promise<Listener> {
  const { readMs, idleMs } = target.timeouts
  const server = tls === undefined
    ? createHttpServer({ requestTimeout: readMs, headersTimeout: readMs, keepAliveTimeout: idleMs })
    : createSecureServer({ ...tls.context, ...certificateRequest(tls), allowHTTP1: true, handshakeTimeout: readMs, settings: { maxConcurrentStreams: STREAM_LIMIT } })
  if (tls !== undefined) guardHandshakes(server as Http2SecureServer, tls, target, world)
  await listenTcp(server, address, port, world)
  return new HttpsListener(server, target, world)
}

class HttpsListener implements Listener {
  readonly address: string
  readonly port: number
  readonly #server: HttpServer | Http2SecureServer
  readonly #target: Target
  readonly #world: ListenerWorld
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  #underWay = 0

  constructor(server: HttpServer | Http2SecureServer, target: Target, world: ListenerWorld) {
    const bound = server.address() as AddressInfo
    this.address = bound.address
    this.port = bound.port
    this.#server = server
    this.#target = target
    this.#world = world
    server.on('connection', (socket: Socket) => this.#connected(socket))
    server.on('session', (session: ServerHttp2Session) => this.#opened(session))
    server.on('request', (request: Request, response: Response) => void this.#serve(request, response))
    server.on('error', (error) => world.log.error(`https ${this.address}:${this.port}: ${error.message}`))
  }

  retargeted(): void {
    if ('setSecureContext' in this.#server) renewContext(this.#server, this.#target)
  }

  async drain(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const session of this.#sessions) session.close()
    const end = this.#world.clock.nowMs() + graceMs
    while (this.#underWay > 0 && this.#world.clock.nowMs() < end) await sleep(this.#world.clock, 20)
    // What was answered last is on its way; connections without a query have nothing to lose.
    for (const socket of this.#sockets) socket.destroySoon()
    await closed
  }

  #connected(socket: Socket): void {
    const limit = this.#target.httpsConnections ?? 0
    if (limit > 0 && this.#sockets.size >= limit) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #opened(session: ServerHttp2Session): void {
    this.#sessions.add(session)
    session.setTimeout(this.#target.timeouts.idleMs, () => session.close())
    session.on('error', (error) => this.#world.log.debug(`https: ${error.message}`))
    session.on('close', () => this.#sessions.delete(session))
  }

  async #serve(request: Request, response: Response): Promise<void> {
    request.on('error', (error) => this.#world.log.debug(`https: ${error.message}`))
    const { path, parameters } = splitTarget(request.url ?? '')
    if (path !== DOH_PATH) return this.#refuse(response, 404, '')
    const packet = request.method === 'GET' ? queryParameter(parameters) : request.method === 'POST' ? await readBody(request) : undefined
    const accepted = packet === undefined ? undefined : acceptPacket(packet)
    if (packet === undefined || accepted?.kind !== 'query') return this.#refuse(response, 400, 'invalid request')
    const { socket } = request
    const client = peerOf(socket.remoteAddress ?? '', socket.remotePort ?? 0)
    if (this.#world.admission.enter(client) !== 'enter') return this.#refuse(response, 503, 'too much to do')
    this.#underWay++
    const { group } = this.#target
    const reply = await group.answer(accepted.request, {
      client,
      local: peerOf(socket.localAddress ?? '', socket.localPort ?? 0),
      protocol: 'tcp',
      server: group,
      sizeBytes: packet.length,
      startMs: this.#world.clock.nowMs(),
    })
    this.#underWay--
    this.#world.admission.leave()
    if (reply === undefined) return this.#refuse(response, 500, 'No response')
    this.#send(response, 200, { 'content-type': DOH_TYPE, 'cache-control': cacheControl(reply, this.#world.clock.wallMs()) }, reply)
  }

  #refuse(response: Response, status: number, text: string): void {
    this.#send(response, status, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }, Buffer.from(`${text}\n`))
  }

  #send(response: Response, status: number, headers: Record<string, string>, body: Uint8Array): void {
    this.#target.group.countHttps(status)
    if (response.destroyed) return
    ;(response as ServerResponse).writeHead(status, { ...headers, 'content-length': String(body.length) })
    response.end(body)
  }
}

/** Undefined when the body is longer than a message may be, or ends early. */
async function readBody(request: Request): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MESSAGE_LIMIT) return undefined
      chunks.push(chunk)
    }
  } catch {
    // The client has gone, which leaves nobody to answer; the request's own listener has told the log.
    return undefined
  }
  return Buffer.concat(chunks)
}
