import type { Timer } from '../base/clock.ts'
import { formatIp, parseIp } from '../base/ip.ts'
import type { HttpEndpoint } from '../core/env.ts'
import type { Counter, Family } from '../core/metrics.ts'
import type { Server } from '../server/server.ts'
import type { SystemWorld } from '../server/world.ts'
import type { AcceptRules } from './accept-rules.ts'
import { Configuration } from './configuration.ts'
import { findTargets } from './fallback-targets.ts'
import { AgentGauges } from './gauges.ts'
import { isServer } from './kube-dns-config.ts'
import { NodeNetwork, type SetupError } from './network.ts'
import { Presence } from './presence.ts'
import { Prober, type Verdict } from './prober.ts'
import type { ProxyModeOption } from './proxy-mode.ts'
import { problemsOf, type Report } from './report.ts'

const ERROR_TYPES: readonly SetupError[] = ['iptables', 'iptables_lock', 'interface_add', 'interface_check', 'configmap']
/** How often we try again to get the metrics port, which an older agent may still hold. */
const METRICS_RETRY_MS = 5000
/** How often the cluster's DNS is asked who could answer for us. */
const TARGETS_MS = 30_000
/** Until the first answer. */
const TARGETS_RETRY_MS = 2000
/** Rounds of answered probes before queries are taken again. */
const ROUNDS_TO_RETURN = 2

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
  readonly metricsAddress: string
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
}

/** What belongs to a node around the DNS server: configuration, addresses, rules, and taking them back in order. */
export class NodeAgent {
  readonly #options: AgentOptions
  readonly #world: SystemWorld
  readonly #presence = new Presence(async () => JSON.stringify(await this.report()))
  readonly #errors: Family<Counter>
  readonly #gauges: AgentGauges
  readonly #network: NodeNetwork | undefined
  readonly #prober: Prober
  readonly #timers: Timer[] = []
  #configuration: Configuration | undefined
  #metrics: HttpEndpoint | undefined
  #server: Server | undefined
  #marked = false
  #probing = false
  #serving = false
  #goodRounds = 0
  #twins = 0
  #upstreamAnswers: boolean | undefined
  #upstreamHasAnswered = false

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
    this.#prober = new Prober({ addresses: localIps, port }, world)
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
    this.#timers.push(clock.every(this.#options.syncIntervalMs, () => void this.#network?.check()))
    this.#findTargets()
  }

  async leaving(): Promise<void> {
    this.#serving = false
    for (const timer of this.#timers) timer.cancel()
    this.#configuration?.stop()
    this.#prober.close()
    if (!this.#options.skipTeardown) await this.#network?.leaving()
  }

  async left(): Promise<void> {
    if (!this.#options.skipTeardown) await this.#network?.left()
    this.#network?.close()
    this.#presence.close()
    await this.#metrics?.close()
  }

  async report(): Promise<Report> {
    const verdict = this.#probing ? this.#prober.verdict() : undefined
    const network = await this.#network?.state()
    const known = {
      id: this.#presence.instance.id,
      pid: this.#presence.instance.pid,
      version: this.#options.version,
      upSeconds: Math.round(process.uptime()),
      network,
      probes: verdict === undefined ? undefined : { answered: verdict.answered, silent: verdict.silent, lastAgeMs: verdict.lastOursMs === undefined ? undefined : this.#world.clock.nowMs() - verdict.lastOursMs },
      upstreamAnswers: this.#upstreamAnswers,
      configuration: { corefile: this.#options.corefile, rejected: this.#configuration?.rejected ?? '' },
      twins: this.#presence.peers().map((peer) => peer.id),
    }
    const problems = problemsOf(known, { addresses: this.#options.setupInterface, rules: this.#network?.rulesWanted === true, serving: this.#serving })
    const rulesGood = this.#network?.rulesWanted !== true || (network?.rulesPresent === true && network.taking)
    return { ...known, problems, ready: this.#serving && rulesGood && (this.#upstreamAnswers === undefined || this.#upstreamHasAnswered) }
  }

  async #takeOver(network: NodeNetwork): Promise<void> {
    const probePorts = network.rulesWanted ? await this.#prober.open() : []
    await network.ready({ mark: this.#marked ? this.#presence.instance.mark : undefined, probePorts })
    if (!network.rulesWanted || !this.#serving) return
    this.#probing = true
    this.#prober.start((verdict) => this.#judge(network, verdict))
  }

  /** Who is not answered must not take queries; who shares the port with one that hangs gets only a part of the answers. */
  #judge(network: NodeNetwork, verdict: Verdict): void {
    this.#goodRounds = verdict.answered ? this.#goodRounds + 1 : 0
    this.#noticeEndOfTwin()
    if (!verdict.answered) void network.withdraw(true, `no answer to probes: ${verdict.silent.join('; ')}`)
    else if (this.#goodRounds >= ROUNDS_TO_RETURN) void network.withdraw(false, 'probes are answered')
    if (!this.#marked && verdict.answered && verdict.ours) void network.renewLeases()
  }

  /** What a twin that left has said to the kernel about the shared port is over with it. */
  #noticeEndOfTwin(): void {
    const twins = this.#presence.peers().length
    if (twins === 0 && this.#twins > 0) this.#server?.alone()
    this.#twins = twins
  }

  /** Answers carry a mark that the rules know them by. Without it the lease is renewed when probes are answered. */
  async #markSockets(): Promise<void> {
    if (this.#network?.rulesWanted !== true) return
    const why = await this.#world.socketMark.choose(this.#presence.instance.mark)
    this.#marked = why === undefined
    if (why !== undefined) this.#world.log.warning(`sockets cannot be marked (${why}): the lease of the rules is renewed by probes alone`)
  }

  #findTargets(): void {
    const { fallbackEndpoints, upstreamService } = this.#options
    const address = this.#upstreamAddress
    const upstream = address === undefined ? undefined : { address, port: 53 }
    findTargets({ upstream, given: fallbackEndpoints, upstreamService }, this.#network?.mode.mode ?? 'none').then((found) => {
      if (found.upstreamAnswers === false && this.#upstreamAnswers !== false) this.#world.log.warning(`the cluster's DNS at ${address} does not answer`)
      this.#upstreamAnswers = found.upstreamAnswers
      this.#upstreamHasAnswered ||= found.upstreamAnswers === true
      if (this.#network?.rulesWanted === true) void this.#network.setTargets(found.targets, found.from)
      this.#again(found.targets.length > 0 ? TARGETS_MS : TARGETS_RETRY_MS)
    }, (error: unknown) => {
      this.#world.log.error(`looking for fallback endpoints: ${String(error)}`)
      this.#again(TARGETS_MS)
    })
  }

  #again(ms: number): void {
    if (this.#serving) this.#timers[1] = this.#world.clock.after(ms, () => this.#findTargets())
  }

  get #upstreamVariable(): string {
    return `${this.#options.upstreamService.replaceAll('-', '_').toUpperCase()}_SERVICE_HOST`
  }

  get #upstreamAddress(): string | undefined {
    return this.#world.host.environment(this.#upstreamVariable)
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
    const { metricsAddress } = this.#options
    const { log, http, clock } = this.#world
    if (metricsAddress === '') return
    http.serve(metricsAddress, '/metrics', () => this.#expose()).then((endpoint) => { this.#metrics = endpoint }, (error: unknown) => {
      log.warning(`metrics at ${metricsAddress}: ${String(error)}; trying again in ${METRICS_RETRY_MS / 1000} s`)
      this.#timers[0] = clock.after(METRICS_RETRY_MS, () => this.#serveMetrics())
    })
  }

  async #expose() {
    this.#gauges.show(await this.report())
    return { status: 200, body: await this.#world.metrics.expose(), type: 'text/plain; version=0.0.4; charset=utf-8' }
  }

  #failed(kind: SetupError): void {
    this.#errors.with(kind).add()
  }
}
