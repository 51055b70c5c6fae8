import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect, type AddressInfo, type ListenOptions } from 'node:net'
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Log } from '../base/log.ts'
import type { Http, HttpEndpoint, HttpHandler, HttpReply, HttpTls } from '../core/env.ts'

const TIMEOUT_MS = 5000
/** How often TLS files are looked at. */
const TLS_LOOK_MS = 2000
/** Below this a compressed body is not worth its header. */
const GZIP_FROM_BYTES = 1024

/** Says of a listen error what to do about it. */
type Explain = (error: Error, host: string, port: number) => Error

interface Shared {
  readonly server: Server
  readonly port: number
  /** By path; the newest handler of a path answers, so that a new generation takes over before the old one lets go. */
  readonly handlers: Map<string, HttpHandler[]>
  users: number
}

/** The process's HTTP listeners, one per address, shared by all directives and generations that name it. */
export class HttpServers implements Http {
  readonly #log: Log
  readonly #explain: Explain
  readonly #open = new Map<string, Promise<Shared>>()

  constructor(log: Log, explain: Explain = (error) => error) {
    this.#log = log
    this.#explain = explain
  }

  async serve(address: string, path: string, handle: HttpHandler, options: ServeOptions = {}): Promise<HttpEndpoint> {
    const listen = parseListen(address)
    const id = listen.kind === 'unix' ? listen.path : `${listen.host}|${listen.port}`
    let opening = this.#open.get(id)
    if (opening === undefined) {
      opening = this.#listen(listen, options)
      this.#open.set(id, opening)
      opening.catch(() => this.#open.delete(id))
    }
    const shared = await opening
    shared.users++
    const handlers = shared.handlers.get(path) ?? []
    shared.handlers.set(path, [...handlers, handle])
    return { port: shared.port, close: () => this.#release(id, shared, path, handle) }
  }

  async #listen(listen: Listen, { exclusive = false, tls }: ServeOptions): Promise<Shared> {
    if (listen.kind === 'unix') await clearSocket(listen.path)
    const handlers = new Map<string, HttpHandler[]>()
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(handlers, request, response)
    const server = tls === undefined ? createServer(answer) : this.#secure(tls, answer)
    server.requestTimeout = TIMEOUT_MS
    server.headersTimeout = TIMEOUT_MS
    server.keepAliveTimeout = TIMEOUT_MS
    server.maxConnections = 256
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: Error) => reject(listen.kind === 'unix' ? error : this.#explain(error, listen.host, listen.port))
      server.once('error', refuse)
      server.listen(listenOptions(listen, exclusive), () => {
        server.off('error', refuse)
        resolve()
      })
    })
    server.on('error', (error) => this.#log.error(`http ${listen.kind === 'unix' ? listen.path : `${listen.host}:${listen.port}`}: ${error.message}`))
    return { server, port: listen.kind === 'unix' ? 0 : (server.address() as AddressInfo).port, handlers, users: 0 }
  }

  /** New files are for new connections; those that make no sense are said once and leave the old ones. */
  #secure(tls: HttpTls, answer: (request: IncomingMessage, response: ServerResponse) => void): SecureServer {
    const server = createSecureServer({ ...readTls(tls), requestCert: tls.clientCaFile !== undefined, rejectUnauthorized: tls.clientCertificate === 'required' && tls.clientCaFile !== undefined }, answer)
    let seen = changeTimes(tls)
    const watch = setInterval(() => {
      const now = changeTimes(tls)
      if (now === seen) return
      seen = now
      try {
        server.setSecureContext(readTls(tls))
        this.#log.info(`http: read ${tls.certFile} again`)
      } catch (error) {
        this.#log.error(`http: ${tls.certFile}: ${String(error)}; the old certificate stays`)
      }
    }, TLS_LOOK_MS).unref()
    server.on('close', () => clearInterval(watch))
    server.on('tlsClientError', (error: Error) => this.#log.debug(`http: ${error.message}`))
    return server
  }

  async #release(id: string, shared: Shared, path: string, handle: HttpHandler): Promise<void> {
    const left = (shared.handlers.get(path) ?? []).filter((other) => other !== handle)
    if (left.length > 0) shared.handlers.set(path, left)
    else shared.handlers.delete(path)
    if (--shared.users > 0) return
    this.#open.delete(id)
    await new Promise<void>((resolve) => {
      shared.server.close(() => resolve())
      shared.server.closeIdleConnections()
      setTimeout(() => shared.server.closeAllConnections(), 500).unref()
    })
  }

  async #answer(handlers: ReadonlyMap<string, HttpHandler[]>, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const proper = properTarget(request.url ?? '/')
    if (proper !== undefined) return send(request, response, { status: 307, type: 'text/html; charset=utf-8', headers: { location: proper }, body: `<a href="${proper}">Temporary Redirect</a>.\n\n` })
    const url = URL.parse(request.url ?? '/', 'http://localhost')
    if (url === null) return send(request, response, { status: 400, body: 'the request is for no URL\n' })
    const handle = handlers.get(url.pathname)?.at(-1)
    try {
      const reply = handle === undefined
        ? { status: 404, body: '404 page not found\n' }
        : await handle({ method: request.method ?? 'GET', path: url.pathname, query: url.search, headers: request.headers as Record<string, string | undefined> })
      send(request, response, reply)
    } catch (error) {
      this.#log.error(`http ${url.pathname}: ${String(error)}`)
      send(request, response, { status: 500, body: 'internal error\n' })
    }
  }
}

/** Where a path with empty parts, `.` or `..` in it leads, as Go's servers say; undefined for one without, and for what could not stand in a header. */
export function properTarget(target: string): string | undefined {
  const [, path, query] = /^(\/[^?#]*)(\?[\x21-\x7e]*)?$/.exec(target) ?? []
  if (path === undefined || !/\/\/|\/\.\.?(\/|$)/.test(path) || !/^[-\w./%~]*$/.test(path)) return undefined
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}${parts.length > 0 && path.endsWith('/') ? '/' : ''}${query ?? ''}`
}

interface ServeOptions {
  /** No other process may have the address as well. */
  readonly exclusive?: boolean
  readonly tls?: HttpTls
}

function readTls({ certFile, keyFile, clientCaFile }: HttpTls): { cert: Buffer; key: Buffer; ca?: Buffer } {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), ...(clientCaFile === undefined ? {} : { ca: readFileSync(clientCaFile) }) }
}

/** Equal as long as nobody has written the files. */
function changeTimes({ certFile, keyFile, clientCaFile }: HttpTls): string {
  return [certFile, keyFile, clientCaFile].map((file) => (file === undefined ? '' : statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 'gone')).join(' ')
}

type Listen = { readonly kind: 'tcp'; readonly host: string; readonly port: number } | { readonly kind: 'unix'; readonly path: string }

/** `unix:/path`, or as `splitHostPort`. */
export function parseListen(address: string): Listen {
  return address.startsWith('unix:') ? { kind: 'unix', path: address.slice('unix:'.length) } : { kind: 'tcp', ...splitHostPort(address) }
}

function listenOptions(listen: Listen, exclusive: boolean): ListenOptions {
  if (listen.kind === 'unix') return { path: listen.path }
  return { port: listen.port, reusePort: !exclusive, exclusive: true, ...(listen.host === '' ? {} : { host: listen.host }) }
}

/** Removes the socket that a killed process left behind. Rejects when somebody still answers there. */
async function clearSocket(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  if (!existsSync(path)) return
  await new Promise<void>((resolve, reject) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      reject(new Error(`another process has ${path}`))
    })
    probe.once('error', () => resolve())
  })
  rmSync(path, { force: true })
}

/** `host:port`, `[v6]:port` or `:port`. Throws with CoreDNS's wording. */
export function splitHostPort(address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address)
  if (match === null) throw new Error(address.includes(':') ? `address ${address}: not of the form host:port` : `address ${address}: missing port in address`)
  const port = Number(match[3])
  if (port > 65_535) throw new Error(`address ${address}: invalid port`)
  return { host: match[1] ?? match[2] ?? '', port }
}

function send(request: IncomingMessage, response: ServerResponse, reply: HttpReply): void {
  const body = Buffer.from(reply.body)
  const headers: Record<string, string> = { 'content-type': reply.type ?? 'text/plain; charset=utf-8', ...reply.headers }
  const gzip = body.length >= GZIP_FROM_BYTES && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
  if (gzip) headers['content-encoding'] = 'gzip'
  const bytes = gzip ? gzipSync(body) : body
  response.writeHead(reply.status, { ...headers, 'content-length': String(bytes.length) })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}
