import { checkCount, onlyLine, placeOf, readOptions, row, flag } from '../../corefile/options.ts'
import { requireHostPort } from '../../corefile/host-port.ts'
import { dnsMetrics, familyLabel, typeLabel, type DnsMetrics } from '../../core/dns-metrics.ts'
import type { Env, HttpEndpoint } from '../../core/env.ts'
import type { Counter, Histogram } from '../../core/metrics.ts'
import { NEXT, type Plugin, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { matchZone } from '../../core/zones.ts'
import { rcodeName } from '../../wire/codes.ts'
import { messageLength } from '../../wire/encode.ts'
import type { Name } from '../../wire/name.ts'

const DEFAULT_ADDRESS = 'localhost:9153'
/** What the text format of Prometheus is served as. */
const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8'

const PROMETHEUS_TABLE = {
  runtime_metrics: flag({ help: 'taken for compatibility: the metrics of Node\'s runtime are always exported' }),
  tls: row({
    form: 'FILE',
    help: 'not supported yet',
    initial: undefined,
    read: (_args, place) => place.fail('serving metrics over TLS is not supported yet; bind to localhost and put a proxy in front'),
  }),
}

export const prometheusPlugin: Plugin = {
  name: 'prometheus',
  options: PROMETHEUS_TABLE,
  parse(directive, context) {
    const line = onlyLine(directive.lines, 'prometheus')
    checkCount(line.args, 0, 1, placeOf('prometheus', line.token))
    const address = line.args[0]?.text ?? DEFAULT_ADDRESS
    requireHostPort(address, line.args[0] ?? line.token, 'prometheus')
    readOptions(line.block, PROMETHEUS_TABLE, 'prometheus')
    return { build: (env) => new Prometheus(env, address, context.zones) }
  },
}

/** The handles of one listener group and zone, taken once. */
interface Handles {
  readonly durations: Histogram
  readonly doRequests: () => Counter
  readonly requestSizes: Readonly<Record<'udp' | 'tcp', Histogram>>
  readonly responseSizes: Readonly<Record<'udp' | 'tcp', Histogram>>
  readonly requests: Map<string, Counter>
  readonly responses: Map<string, Counter>
}

/** Counts each query on its way up, and serves `/metrics`. */
class Prometheus implements Stage {
  readonly name = 'prometheus'
  readonly #env: Env
  readonly #address: string
  readonly #zones: readonly Name[]
  readonly #view: string
  readonly #dns: DnsMetrics
  /** By server label and zone. Bounded by listener groups times zones of the block. */
  readonly #handles = new Map<string, Handles>()
  readonly #sizes
  #endpoint: HttpEndpoint | undefined

  constructor(env: Env, address: string, zones: readonly Name[]) {
    this.#env = env
    this.#address = address
    this.#zones = zones
    this.#view = env.block.view
    this.#dns = dnsMetrics(env.metrics)
    this.#sizes = env.slot<number>()
  }

  async start(): Promise<void> {
    this.#endpoint = await this.#env.http.serve(this.#address, '/metrics', async () => ({ status: 200, body: await this.#env.exposeMetrics(), type: TEXT_FORMAT }))
    this.#enabled().forEach(([labels]) => this.#pluginEnabled().with(...labels).set(1))
  }

  async stop(): Promise<void> {
    await this.#endpoint?.close()
  }

  query(q: Query): Verdict {
    this.#sizes.set(q, messageLength(q.request))
    return NEXT
  }

  reply(q: Query): void {
    const zone = matchZone(this.#zones, q.asked.name) ?? '.'
    const handles = this.#of(q.server.label, zone)
    const requestType = `${q.protocol} ${familyLabel(q)} ${typeLabel(q.question.type)}`
    remember(handles.requests, requestType, () => this.#dns.requests.with(q.server.label, zone, this.#view, q.protocol, familyLabel(q), typeLabel(q.question.type))).add()
    if (q.request.edns?.do === true) handles.doRequests().add()
    handles.durations.observe((this.#env.clock.nowMs() - q.arrival.startMs) / 1000)
    handles.requestSizes[q.protocol].observe(this.#sizes.get(q) ?? 0)
    handles.responseSizes[q.protocol].observe(q.written ? messageLength(q.reply) : 0)
    const rcode = q.dropped ? 'NOERROR' : rcodeName(q.reply.rcode)
    const plugin = q.written ? q.answeredBy : ''
    remember(handles.responses, `${rcode} ${plugin}`, () => this.#dns.responses.with(q.server.label, zone, this.#view, rcode, plugin)).add()
  }

  #of(server: string, zone: Name): Handles {
    return remember(this.#handles, `${server} ${zone}`, () => ({
      durations: this.#dns.durations.with(server, zone, this.#view),
      doRequests: () => this.#dns.doRequests.with(server, zone, this.#view),
      requestSizes: { udp: this.#dns.requestSizes.with(server, zone, this.#view, 'udp'), tcp: this.#dns.requestSizes.with(server, zone, this.#view, 'tcp') },
      responseSizes: { udp: this.#dns.responseSizes.with(server, zone, this.#view, 'udp'), tcp: this.#dns.responseSizes.with(server, zone, this.#view, 'tcp') },
      requests: new Map(),
      responses: new Map(),
    }))
  }

  #pluginEnabled() {
    return this.#env.metrics.gauge('coredns_plugin_enabled', 'A metric that indicates whether a plugin is enabled on per server and zone basis.', ['server', 'zone', 'view', 'name'])
  }

  /** Labels for each stage of the chain, for the block's first zone only, as CoreDNS has them. */
  #enabled(): [string[]][] {
    const inChain = this.#env.siblings().filter((stage) => stage.query !== undefined || stage.reply !== undefined)
    return this.#env.block.serverLabels().flatMap((server) => inChain.map((stage): [string[]] => [[server, this.#zones[0] ?? '.', this.#view, stage.name]]))
  }
}

function remember<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
