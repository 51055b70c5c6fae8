import { encodeMessage } from '../wire/encode.ts'
import type { Message } from '../wire/message.ts'
import type { Protocol } from '../core/query.ts'
import { endpointLabel, type ConnectionSettings, type Endpoint, type UpstreamWorld } from './endpoint.ts'
import { UpstreamError } from './failure.ts'
import { Health, type HealthSettings } from './health.ts'
import type { UpstreamMetrics, UpstreamMetricsOf } from './metrics.ts'
import { TcpPool } from './tcp.ts'
import { UdpPool } from './udp.ts'

export interface UpstreamSettings {
  readonly connections: ConnectionSettings
  readonly health: HealthSettings
}

/** One server to ask, with its sockets, its connections and its health. */
export class Upstream {
  readonly label: string
  readonly health: Health
  readonly #endpoint: Endpoint
  readonly #udp: UdpPool
  readonly #tcp: TcpPool
  readonly #world: UpstreamWorld
  readonly #metrics: UpstreamMetrics

  constructor(endpoint: Endpoint, settings: UpstreamSettings, world: UpstreamWorld, metrics: UpstreamMetricsOf) {
    this.label = endpointLabel(endpoint)
    this.#endpoint = endpoint
    this.#world = world
    this.#metrics = metrics(this.label)
    this.#udp = new UdpPool(endpoint, settings.connections, world)
    this.#tcp = new TcpPool(endpoint, settings.connections, world)
    this.health = new Health(settings.health, world.clock, {
      probe: (request, protocol) => this.exchange(request, protocol, settings.health.timeoutMs).then(() => undefined),
      failed: () => this.#metrics.healthFailed(),
    })
  }

  /**
   * Asks, with a random id, and waits at most `timeoutMs`. The reply may be to another question when it came over TCP: see
   * `answersQuestion`. Rejects with UpstreamError, or WireError when the request has no wire form.
   */
  async exchange(request: Message, protocol: Protocol, timeoutMs: number): Promise<Message> {
    const packet = encodeMessage(request)
    const network = this.#endpoint.transport === 'tls' ? 'tcp-tls' : protocol
    const pool = network === 'udp' ? this.#udp : this.#tcp
    const startMs = this.#world.clock.nowMs()
    for (let round = 0; ; round++) {
      try {
        const sent = pool.ask(request, packet, timeoutMs)
        const reply = await sent.reply
        this.#metrics.exchanged(network, sent.reused, reply.rcode, this.#world.clock.nowMs() - startMs)
        return reply
      } catch (error) {
        if (round > 1 || !(error instanceof UpstreamError) || error.kind !== 'stale') throw error
      }
    }
  }

  close(): void {
    this.health.stop()
    this.#udp.close()
    this.#tcp.close()
  }
}
