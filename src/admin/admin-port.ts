import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { HttpEndpoint, HttpReply, HttpRequest } from '../core/env.ts'
import { parseListen, type HttpServers } from './http.ts'
import { ROUTES, type Route } from './routes.ts'
import { Refusal, type AdminView } from './view.ts'

const RETRY_MS = 5000

export interface AdminOptions {
  /** `host:port`, `:port` or `unix:/path`; '' for none. */
  readonly address: string
  /** File with the token that allows changes; without one nothing can be changed. Read anew for each request that needs it. */
  readonly tokenFile: string | undefined
}

interface AdminWorld {
  readonly http: HttpServers
  readonly log: Log
  readonly clock: Clock
}

/** The port for people: state, explanations, the status page. Whether it can be opened never matters to DNS. */
export class AdminPort {
  readonly #options: AdminOptions
  readonly #view: AdminView
  readonly #world: AdminWorld
  #endpoints: HttpEndpoint[] = []
  #retry: Timer | undefined
  #complained = false

  constructor(options: AdminOptions, view: AdminView, world: AdminWorld) {
    this.#options = options
    this.#view = view
    this.#world = world
  }

  /** Opens the port now, or as soon as who has it lets go of it. */
  async open(): Promise<void> {
    const { address } = this.#options
    if (address === '') return
    try {
      for (const [path, route] of Object.entries(ROUTES)) {
        this.#endpoints.push(await this.#world.http.serve(address, path, (request) => this.#answer(route, request), { exclusive: true }))
      }
    } catch (error) {
      if (!this.#complained) this.#world.log.warning(`admin port ${address}: ${error instanceof Error ? error.message : String(error)}; DNS is served without it, trying again every ${RETRY_MS / 1000} s (--admin-listen-address)`)
      this.#complained = true
      this.#retry = this.#world.clock.after(RETRY_MS, () => void this.open())
    }
  }

  async close(): Promise<void> {
    this.#retry?.cancel()
    await Promise.all(this.#endpoints.splice(0).map((endpoint) => endpoint.close()))
  }

  async #answer(route: Route, request: HttpRequest): Promise<HttpReply> {
    try {
      this.#refuseStrangers(request)
      if (request.method !== 'GET' && request.method !== 'HEAD') this.#authorize(request)
      if ((route.method ?? 'GET') !== (request.method === 'HEAD' ? 'GET' : request.method)) throw new Refusal(`${route.method ?? 'GET'} wanted`, 405)
      return await route.answer(this.#view, new URLSearchParams(request.query))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, body: `${JSON.stringify({ error: error.message })}\n`, type: 'application/json' }
    }
  }

  /** A web page elsewhere whose name was made to lead here must not read what is here (DNS rebinding). */
  #refuseStrangers({ headers }: HttpRequest): void {
    const listen = parseListen(this.#options.address)
    if (listen.kind !== 'tcp' || !isLoopback(listen.host)) return
    const host = (headers['host'] ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
    if (host === '' || host === 'localhost' || isIP(host) !== 0) return
    throw new Refusal(`ask for this by address, not as ${host}`, 403)
  }

  #authorize({ headers }: HttpRequest): void {
    const { tokenFile } = this.#options
    if (tokenFile === undefined) throw new Refusal('read-only: the program was started without --admin-token-file', 403)
    const given = /^Bearer (.+)$/.exec(headers['authorization'] ?? '')?.[1] ?? ''
    const wanted = readFileSync(tokenFile, 'utf8').trim()
    if (wanted === '' || !timingSafeEqual(digest(given), digest(wanted))) throw new Refusal('a token is wanted: Authorization: Bearer TOKEN', 401)
  }
}

/** Equal lengths, whatever was given. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}
