import { existsSync } from 'node:fs'
import type { Timer } from '../base/clock.ts'
import { formatIp } from '../base/ip.ts'
import type { Family } from '../core/metrics.ts'
import type { Counter } from '../core/metrics.ts'
import type { HttpEndpoint } from '../core/env.ts'
import type { Server } from '../server/server.ts'
import type { SystemWorld } from '../server/world.ts'
import { Configuration } from './configuration.ts'
import { NodeNetwork, type SetupError } from './network.ts'

const ERROR_TYPES: readonly SetupError[] = ['iptables', 'iptables_lock', 'interface_add', 'interface_check', 'configmap']
/** How often we try again to get the metrics port, which an older agent may still hold. */
const METRICS_RETRY_MS = 5000

export interface AgentOptions {
  readonly localIps: readonly Uint8Array[]
  readonly port: number
  readonly healthPort: number
  readonly setupInterface: boolean
  /** Undefined for `lo`. */
  readonly interfaceName: string | undefined
  readonly setupRules: boolean
  readonly skipTeardown: boolean
  readonly syncIntervalMs: number
  readonly metricsAddress: string
  readonly prometheusAddress: string
  readonly template: string
  readonly corefile: string
  readonly kubeDnsFolder: string | undefined
  readonly upstreamService: string
  readonly reloadWithSignal: boolean
}

/** What belongs to a node around the DNS server: configuration, addresses, rules, and taking them back in order. */
export class NodeAgent {
  readonly #options: AgentOptions
  #network: NodeNetwork | undefined
  #configuration: Configuration | undefined
  #errors: Family<Counter> | undefined
  #checkTimer: Timer | undefined
  #metricsTimer: Timer | undefined
  #metrics: HttpEndpoint | undefined
  #server: Server | undefined
  #world: SystemWorld | undefined

  constructor(options: AgentOptions) {
    this.#options = options
  }

  /** Writes the Corefile and adds the addresses: all that must be there before sockets can be opened. */
  async prepare(world: SystemWorld): Promise<void> {
    this.#world = world
    const errors = world.metrics.counter('coredns_nodecache_setup_errors_total', 'The number of errors during periodic network setup for node-cache', ['errortype'])
    for (const type of ERROR_TYPES) errors.with(type)
    this.#errors = errors
    this.#serveMetrics(world)
    this.#expandCorefile(world)
    const { localIps, port, healthPort, setupInterface, interfaceName, setupRules } = this.#options
    if (!setupInterface && !setupRules) return
    this.#network = new NodeNetwork({ addresses: localIps, port, healthPort, setupAddresses: setupInterface, setupRules, linkName: interfaceName }, { log: world.log, clock: world.clock, failed: (kind) => this.#failed(kind) })
    await this.#network.addAddresses()
  }

  /** Queries are answered now: take them over, and keep it so. */
  async serving(world: SystemWorld, server: Server): Promise<void> {
    this.#server = server
    await this.#network?.addRules()
    this.#configuration?.watch()
    this.#checkTimer = world.clock.every(this.#options.syncIntervalMs, () => void this.#network?.check())
  }

  async leaving(): Promise<void> {
    this.#checkTimer?.cancel()
    this.#metricsTimer?.cancel()
    this.#configuration?.stop()
    if (!this.#options.skipTeardown) await this.#network?.removeRules()
  }

  async left(): Promise<void> {
    if (!this.#options.skipTeardown) await this.#network?.removeAddresses()
    this.#network?.close()
    await this.#metrics?.close()
  }

  #expandCorefile(world: SystemWorld): void {
    const { template, corefile, kubeDnsFolder, localIps, port, prometheusAddress, upstreamService } = this.#options
    if (!existsSync(template)) {
      world.log.info(`no template at ${template}: using ${corefile} as it is`)
      return
    }
    const variable = `${upstreamService.replaceAll('-', '_').toUpperCase()}_SERVICE_HOST`
    this.#configuration = new Configuration({
      template,
      corefile,
      kubeDnsFolder,
      values: {
        localIps: localIps.map(formatIp),
        clusterDns: world.host.environment(variable),
        clusterDnsHint: `${template} needs the address of the cluster's DNS, but the environment variable ${variable} is not set: the Service ${upstreamService} must exist in this namespace before the pod starts, with service links enabled; or write the address into the template instead of __PILLAR__CLUSTER__DNS__`,
        prometheusAddress,
        port,
      },
    }, { log: world.log, clock: world.clock, failed: (kind) => this.#failed(kind), written: () => this.#reload() })
    this.#configuration.writeFirst()
  }

  #reload(): void {
    if (!this.#options.reloadWithSignal) return
    this.#server?.reload('SIGUSR1').catch((error: unknown) => this.#world?.log.error(`reloading: ${String(error)}`))
  }

  /** An older agent may hold the port: that delays our metrics, never our start. */
  #serveMetrics(world: SystemWorld): void {
    const { metricsAddress } = this.#options
    if (metricsAddress === '') return
    const expose = async () => ({ status: 200, body: await world.metrics.expose(), type: 'text/plain; version=0.0.4; charset=utf-8' })
    world.http.serve(metricsAddress, '/metrics', expose).then(this.#metricsOpened, (error: unknown) => {
      world.log.warning(`metrics at ${metricsAddress}: ${String(error)}; trying again in ${METRICS_RETRY_MS / 1000} s`)
      this.#metricsTimer = world.clock.after(METRICS_RETRY_MS, () => this.#serveMetrics(world))
    })
  }

  readonly #metricsOpened = (endpoint: HttpEndpoint): HttpEndpoint => (this.#metrics = endpoint)

  #failed(kind: SetupError): void {
    this.#errors?.with(kind).add()
  }
}
