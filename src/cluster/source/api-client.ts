import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps, type RequestOptions } from 'node:https'
import type { Clock } from '../../base/clock.ts'
import { BUCKETS, type Counter, type Family, type Histogram } from '../../core/metrics.ts'
import { ACCEPT } from './events.ts'
import { decodeStatus } from './protobuf-objects.ts'
import type { Connection } from './kubeconfig.ts'
import type { SourceWorld } from './source.ts'

/** Until the headers of a reply are there. */
const HEADER_TIMEOUT_MS = 30_000
/** A body of an error is read up to here. */
const ERROR_LIMIT_BYTES = 64 * 1024

/** The API server answered with a status that is no success. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** Seconds the server wants us to wait. */
  readonly retryAfterSeconds: number | undefined

  constructor(status: number, text: string, retryAfterSeconds?: number) {
    super(text)
    this.status = status
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** GET requests to one API server. */
export class ApiClient {
  readonly server: string
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #agent: HttpAgent
  readonly #durations: Family<Histogram>
  readonly #requests: Family<Counter>

  constructor(connection: Connection, world: SourceWorld) {
    this.server = connection.server
    this.#connection = connection
    this.#clock = world.clock
    this.#agent = connection.server.startsWith('https:') ? new HttpsAgent({ keepAlive: true, maxSockets: 16 }) : new HttpAgent({ keepAlive: true, maxSockets: 16 })
    this.#durations = world.metrics.histogram('coredns_kubernetes_rest_client_request_duration_seconds', 'Request latency in seconds. Broken down by verb and host.', BUCKETS.DEF, ['verb', 'host'])
    this.#requests = world.metrics.counter('coredns_kubernetes_rest_client_requests_total', 'Number of HTTP requests, partitioned by status code, method, and host.', ['code', 'method', 'host'])
  }

  close(): void {
    this.#agent.destroy()
  }

  /** The body of a successful reply, as it arrives. Rejects with ApiError, or the system's error. `signal` ends it. */
  async get(path: string, query: Readonly<Record<string, string | undefined>>, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(path, this.server)
    for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, value)
    const startMs = this.#clock.nowMs()
    const options = await this.#connection.authorize()
    try {
      const reply = await this.#send(url, options, signal)
      this.#requests.with(String(reply.statusCode), 'GET', url.host).add()
      if (reply.statusCode === 200) return reply
      throw await errorOf(reply)
    } catch (error) {
      if (!(error instanceof ApiError)) this.#requests.with('<error>', 'GET', url.host).add()
      throw error
    } finally {
      this.#durations.with('GET', url.host).observe((this.#clock.nowMs() - startMs) / 1000)
    }
  }

  #send(url: URL, options: RequestOptions, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? requestHttps : requestHttp
      const { agent: _theirs, ...rest } = options
      const request = send(url, { ...rest, agent: this.#agent, signal, headers: { ...options.headers, accept: ACCEPT, 'user-agent': 'hearth' } }, (reply) => {
        timer.cancel()
        // Only what the reflector needs to see: an end that is no end of the body.
        reply.on('error', () => {})
        resolve(reply)
      })
      const timer = this.#clock.after(HEADER_TIMEOUT_MS, () => request.destroy(new Error(`no reply within ${HEADER_TIMEOUT_MS / 1000} s`)))
      request.on('error', (error) => {
        timer.cancel()
        reject(error)
      })
      request.end()
    })
  }
}

/** The API's own words where the body holds a Status. */
async function errorOf(reply: IncomingMessage): Promise<ApiError> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of reply) {
    chunks.push(chunk as Uint8Array)
    size += (chunk as Uint8Array).length
    if (size > ERROR_LIMIT_BYTES) break
  }
  const retryAfter = Number(reply.headers['retry-after'])
  return new ApiError(reply.statusCode ?? 0, `HTTP ${reply.statusCode}: ${messageOf(Buffer.concat(chunks))}`, Number.isFinite(retryAfter) ? retryAfter : undefined)
}

function messageOf(body: Buffer): string {
  const status = decodeStatus(body)
  if (status?.message !== undefined) return status.message
  const text = body.toString()
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    if (typeof message === 'string') return message
  } catch {
    // Not a Status: what the server said is shown as it is.
  }
  return text.slice(0, 200).trim()
}
