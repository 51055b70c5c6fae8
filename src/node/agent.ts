import type { Timer } from '../base/clock.ts'
import { formatIp, parseIp } from '../base/ip.ts'
import type { HttpEndpoint } from '../core/env.ts'
import { Exposition } from '../core/exposition.ts'
import type { Counter, Family, MetricsFormat } from '../core/metrics.ts'
import { readWebConfig } from '../core/web-config.ts'
import type { Server } from '../server/server.ts'
import type { SystemWorld } from '../server/world.ts'
import type { AcceptRules } from './accept-rules.ts'
import type { SetupError } from './attempts.ts'
import { Configuration } from './configuration.ts'
import { FallbackFinder } from './fallback-finder.ts'
import { AgentGauges } from './gauges.ts'
import { isServer } from './kube-dns-config.ts'
import { NodeNetwork } from './network.ts'
import { Presence } from './presence.ts'
import { ProbeFiles } from './probe-files.ts'
import type { ProxyModeOption } from './proxy-mode.ts'
import { problemsOf, type Report } from './report.ts'
import { SelfWatch } from './self-watch.ts'

const ERROR_TYPES: readonly SetupError[] = ['iptables', 'iptables_lock', 'interface_add', 'interface_check', 'configmap']
/** How often we try again to get the metrics port, which an older agent may still hold. */
const METRICS_RETRY_MS = 5000
const DNS_PORT = 53
/** How often probe files are written. */
const SIGNS_MS = 1000
/** A process that has not answered itself for so long is not alive. */
const ALIVE_MS = 10_000

/** Where the agent's own metrics are, and for whom. */
export interface MetricsAccess {
  /** '' for nowhere. */
  readonly address: string
  /** A web configuration as `prometheus { tls }` takes it. */
  readonly tlsFile: string | undefined
  readonly tokenFile: string | undefined
}

export interface AgentOptions {
  readonly version: string
  readonly localIps: readonly Uint8Array[]
  readonly port: number
  readonly healthPort: number
  readonly setupInterface: boolean
  /** Undefined for `lo`. */
  readonly interfaceName: string | undefined
  readonly setupRules: boolean
  readonly skipTeardown: boolean
  readonly syncIntervalMs: number
  readonly metrics: MetricsAccess
  readonly prometheusAddress: string
  readonly template: string
  readonly corefile: string
  readonly kubeDnsFolder: string | undefined
  readonly upstreamService: string
  readonly reloadWithSignal: boolean
  readonly proxyMode: ProxyModeOption
  readonly acceptRules: AcceptRules
  /** Who answers the link-local address when no agent does: literal endpoints or names; empty to find out. */
  readonly fallbackEndpoints: readonly string[]
  /** Where files for the kubelet's exec probes are kept; undefined for none. */
  readonly probeFolder: string | undefined
}

/** What belongs to a node around the DNS server: configuration, addresses, rules, and taking them back in order. */
export class NodeAgent {
  readonly #options: AgentOptions
  readonly #world: SystemWorld
  readonly #presence = new Presence(async () => JSON.stringify(await this.report()))
  readonly #errors: Family<Counter>
  readonly #gauges: AgentGauges
  readonly #network: NodeNetwork | undefined
  readonly #finder: FallbackFinder
  readonly #signs: ProbeFiles | undefined
  #watch: SelfWatch | undefined
  #checkTimer: Timer | undefined
  #signsTimer: Timer | undefined
  #metricsTimer: Timer | undefined
  #configuration: Configuration | undefined
  #metrics: HttpEndpoint | undefined
  #server: Server | undefined
  #marked = false
  #serving = false

  /** Throws the system's error where there is no netlink. */
  constructor(options: AgentOptions, world: SystemWorld) {
    this.#options = options
    this.#world = world
    this.#errors = world.metrics.counter('coredns_nodecache_setup_errors_total', 'The number of errors during periodic network setup for node-cache', ['errortype'])
    for (const type of ERROR_TYPES) this.#errors.with(type)
    this.#gauges = new AgentGauges(world.metrics)
    const { localIps, port, healthPort, setupInterface, interfaceName, setupRules, proxyMode, acceptRules } = options
    if (setupInterface || setupRules) {
      this.#network = new NodeNetwork(
        { addresses: localIps, port, healthPort, setupAddresses: setupInterface, setupRules, linkName: interfaceName, proxyMode, acceptRules },
        this.#presence,
        { log: world.log, clock: world.clock, failed: (kind) => this.#failed(kind) },
      )
    }
    this.#signs = options.probeFolder === undefined ? undefined : new ProbeFiles(options.probeFolder)
    this.#finder = new FallbackFinder({ upstream: this.#upstream, given: options.fallbackEndpoints, upstreamService: options.upstreamService }, {
      log: world.log,
      clock: world.clock,
      mode: () => this.#network?.mode.mode ?? 'none',
      found: ({ targets, from }) => { if (this.#network?.rulesWanted === true) void this.#network.setTargets(targets, from) },
    })
  }

  /** Writes the Corefile and adds the addresses: all that must be there before sockets can be opened. */
  async prepare(): Promise<void> {
    this.#serveMetrics()
    await this.#network?.detect()
    await this.#markSockets()
    this.#expandCorefile()
    await this.#presence.announce()
    await this.#network?.start()
  }

  /** Queries are answered now: take them over, and keep it so. */
  async serving(server: Server): Promise<void> {
    const { clock } = this.#world
    this.#server = server
    this.#serving = true
    if (this.#network !== undefined) await this.#takeOver(this.#network)
    if (!this.#serving) return
    this.#configuration?.watch()
    this.#checkTimer = clock.every(this.#options.syncIntervalMs, () => void this.#network?.check())
    this.#finder.start()
    if (this.#signs !== undefined) this.#signsTimer = clock.every(SIGNS_MS, () => void this.#showSigns(this.#signs!))
  }

  async leaving(): Promise<void> {
    this.#serving = false
    for (const timer of [this.#checkTimer, this.#signsTimer, this.#metricsTimer]) timer?.cancel()
    this.#signs?.remove()
    this.#configuration?.stop()
    this.#finder.close()
    this.#watch?.close()
    if (!this.#options.skipTeardown) await this.#network?.leaving()
  }

  async left(): Promise<void> {
    if (!this.#options.skipTeardown) await this.#network?.left()
    this.#network?.close()
    this.#presence.close()
    await this.#metrics?.close()
  }

  async report(): Promise<Report> {
    const verdict = this.#watch?.verdict
    const state = await this.#network?.state().catch((error: unknown) => error as Error)
    const network = state instanceof Error ? undefined : state
    const known = {
      id: this.#presence.instance.id,
      pid: this.#presence.instance.pid,
      version: this.#options.version,
      upSeconds: Math.round(process.uptime()),
      network,
      unreadable: state instanceof Error ? state.message : '',
      probes: verdict === undefined ? undefined : { answered: verdict.answered, silent: verdict.silent, lastAgeMs: this.#sinceMs(verdict.lastOursMs) },
      upstreamAnswers: this.#finder.upstreamAnswers,
      configuration: { corefile: this.#options.corefile, rejected: this.#configuration?.rejected ?? '' },
      twins: this.#presence.peers().map((peer) => peer.id),
    }
    const rules = this.#network?.rulesWanted === true
    const problems = problemsOf(known, { addresses: this.#options.setupInterface, rules, serving: this.#serving })
    return { ...known, problems, ready: this.#serving && this.#finder.upstreamIsGood && (!rules || (network?.rulesPresent === true && network.taking)) }
  }

  async #takeOver(network: NodeNetwork): Promise<void> {
    const mark = this.#marked ? this.#presence.instance.mark : undefined
    if (!network.rulesWanted) return network.ready({ mark, probePorts: [] })
    const { clock, selfProbe } = this.#world
    this.#watch = new SelfWatch(network, this.#options.port, this.#marked, { clock, selfProbe, twins: () => this.#presence.peers().map((peer) => peer.id), alone: () => this.#server?.alone() })
    await network.ready({ mark, probePorts: await this.#watch.open() })
    this.#watch.start()
  }

  async #showSigns(signs: ProbeFiles): Promise<void> {
    const { ready, probes } = await this.report()
    if (!this.#serving) return
    try {
      signs.show({ ready, alive: probes === undefined || (probes.lastAgeMs ?? Number.POSITIVE_INFINITY) < ALIVE_MS })
    } catch (error) {
      this.#world.log.error(`writing files for probes: ${String(error)}`)
    }
  }

  #sinceMs(at: number | undefined): number | undefined {
    return at === undefined ? undefined : this.#world.clock.nowMs() - at
  }

  /** Answers carry a mark that the rules know them by. Without it the lease is renewed when probes are answered. */
  async #markSockets(): Promise<void> {
    if (this.#network?.rulesWanted !== true) return
    const why = await this.#world.socketMark.choose(this.#presence.instance.mark)
    this.#marked = why === undefined
    if (why !== undefined) this.#world.log.warning(`sockets cannot be marked (${why}): the lease of the rules is renewed by probes alone`)
  }

  get #upstreamVariable(): string {
    return `${this.#options.upstreamService.replaceAll('-', '_').toUpperCase()}_SERVICE_HOST`
  }

  get #upstreamAddress(): string | undefined {
    return this.#world.host.environment(this.#upstreamVariable)
  }

  /** Where the cluster's DNS can be asked by us; undefined when it has no literal address. */
  get #upstream(): { readonly address: string; readonly port: number } | undefined {
    const ip = parseIp(this.#upstreamAddress ?? '')
    return ip === undefined ? undefined : { address: formatIp(ip), port: DNS_PORT }
  }

  #expandCorefile(): void {
    const { template, corefile, kubeDnsFolder, port, prometheusAddress } = this.#options
    const { log, clock } = this.#world
    this.#configuration = new Configuration({
      template,
      corefile,
      kubeDnsFolder,
      values: { localIps: (this.#network?.addresses ?? this.#options.localIps).map(formatIp), clusterDns: this.#clusterDns, prometheusAddress, port },
    }, { log, clock, failed: (kind) => this.#failed(kind), written: () => this.#reload() })
    this.#configuration.writeFirst()
  }

  get #clusterDns(): string | Error {
    const { template, upstreamService } = this.#options
    const text = this.#upstreamAddress
    const ip = parseIp(text ?? '')
    if (ip !== undefined) return formatIp(ip)
    if (text !== undefined && isServer(text)) return text
    const what = text === undefined ? 'is not set' : `says "${text}", which is no address`
    return new Error(`${template} needs the address of the cluster's DNS, but the environment variable ${this.#upstreamVariable} ${what}: the Service ${upstreamService} must exist in this namespace before the pod starts, with service links enabled; or write the address into the template instead of __PILLAR__CLUSTER__DNS__`)
  }

  #reload(): void {
    if (!this.#options.reloadWithSignal) return this.#server?.corefileWritten()
    this.#server?.reload('SIGUSR1').catch((error: unknown) => this.#world.log.error(`reloading: ${String(error)}`))
  }

  /** An older agent may hold the port: that delays our metrics, never our start. */
  #serveMetrics(): void {
    const { address, tlsFile, tokenFile } = this.#options.metrics
    const { log, http, clock, files } = this.#world
    if (address === '') return
    const tls = tlsFile === undefined ? {} : { tls: readWebConfig(tlsFile, files.read, refuseTls) }
    const exposition = new Exposition({ expose: (form) => this.#expose(form), read: files.read }, 'on', tokenFile)
    http.serve(address, '/metrics', (request) => exposition.answer(request), tls).then((endpoint) => { this.#metrics = endpoint }, (error: unknown) => {
      log.warning(`metrics at ${address}: ${String(error)}; trying again in ${METRICS_RETRY_MS / 1000} s`)
      this.#metricsTimer = clock.after(METRICS_RETRY_MS, () => this.#serveMetrics())
    })
  }

  async #expose(form?: MetricsFormat): Promise<string> {
    this.#gauges.show(await this.report())
    return this.#world.metrics.expose(form)
  }

  #failed(kind: SetupError): void {
    this.#errors.with(kind).add()
  }
}

function refuseTls(why: string): never {
  throw new Error(`--metrics-tls: ${why}`)
}
