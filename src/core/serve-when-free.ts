import type { Timer } from '../base/clock.ts'
import type { Env, Http, HttpEndpoint, HttpHandler } from './env.ts'

const RETRY_MS = 5000
/** Another process has the address, or nobody has it yet: both may pass. */
const PASSING = new Set(['EADDRINUSE', 'EADDRNOTAVAIL'])

type World = Pick<Env, 'clock' | 'log' | 'http'>

/**
 * Serves HTTP now or as soon as its address can be had: what is told about queries must not decide whether they are answered. Rejects
 * for what never passes.
 */
export async function serveWhenFree(world: World, address: string, path: string, handle: HttpHandler, options: Parameters<Http['serve']>[3] = {}): Promise<HttpEndpoint> {
  try {
    return await world.http.serve(address, path, handle, options)
  } catch (error) {
    if (!mayPass(error)) throw error
    world.log.error(`${path} is not served: ${(error as Error).message}; trying again every ${RETRY_MS / 1000} s`)
    return new Waiting(() => world.http.serve(address, path, handle, options), world)
  }
}

function mayPass(error: unknown): boolean {
  return PASSING.has((error as { code?: string }).code ?? '')
}

class Waiting implements HttpEndpoint {
  readonly #open: () => Promise<HttpEndpoint>
  readonly #world: World
  #timer: Timer | undefined
  #endpoint: HttpEndpoint | undefined
  #closed = false

  constructor(open: () => Promise<HttpEndpoint>, world: World) {
    this.#open = open
    this.#world = world
    this.#wait()
  }

  get port(): number {
    return this.#endpoint?.port ?? 0
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#endpoint?.close()
  }

  #wait(): void {
    this.#timer = this.#world.clock.after(RETRY_MS, () => void this.#try())
  }

  async #try(): Promise<void> {
    try {
      const endpoint = await this.#open()
      if (this.#closed) return await endpoint.close()
      this.#endpoint = endpoint
    } catch (error) {
      if (!mayPass(error)) this.#world.log.error(String(error))
      if (!this.#closed) this.#wait()
    }
  }
}
