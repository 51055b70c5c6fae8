import { checkCount, onlyLine, placeOf, readOptions, type Values } from '../../corefile/options.ts'
import { requireHostPort } from '../../corefile/host-port.ts'
import { COUNTED_TYPES } from '../../core/dns-metrics.ts'
import type { Env, HttpEndpoint, HttpTls } from '../../core/env.ts'
import { Exposition } from '../../core/exposition.ts'
import type { Counter } from '../../core/metrics.ts'
import { NEXT, type Plugin, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import type { QuickStage, Tally } from '../../core/quick.ts'
import { QuickZones } from '../../core/quick-zones.ts'
import { serveWhenFree } from '../../core/serve-when-free.ts'
import { readWebConfig } from '../../core/web-config.ts'
import { matchZone } from '../../core/zones.ts'
import { ConfigError } from '../../corefile/error.ts'
import type { Token } from '../../corefile/tree.ts'
import { rcodeName, TYPE } from '../../wire/codes.ts'
import { messageLength } from '../../wire/encode.ts'
import { lowerName, type Name } from '../../wire/name.ts'
import { HandleTable } from './handles.ts'
import { PROMETHEUS_TABLE } from './options.ts'

const DEFAULT_ADDRESS = 'localhost:9153'
export const prometheusPlugin: Plugin = {
  name: 'prometheus',
  options: PROMETHEUS_TABLE,
  parse(directive, context) {
    const line = onlyLine(directive.lines, 'prometheus')
    checkCount(line.args, 0, 1, placeOf('prometheus', line.token))
    const address = line.args[0]?.text ?? DEFAULT_ADDRESS
    requireHostPort(address, line.args[0] ?? line.token, 'prometheus')
    const options = readOptions(line.block, PROMETHEUS_TABLE, 'prometheus')
    return { build: (env) => new Prometheus(env, address, context.zones, options) }
  },
}

type Options = Values<typeof PROMETHEUS_TABLE>

/** Octets of a name that an exemplar may have, its label and quotes aside (OpenMetrics 1.0: 128 characters in all). */
const EXEMPLAR_NAME = 100

/** Counts each query on its way up, and serves `/metrics`. */
class Prometheus implements Stage {
  readonly name = 'prometheus'
  readonly #env: Env
  readonly #address: string
  readonly #options: Options
  readonly #zones: readonly Name[]
  readonly #view: string
  readonly #handles: HandleTable
  readonly #sizes
  /** Costs the quick way a string a query. */
  readonly #exemplars: boolean
  readonly #quickZones: QuickZones<Name>
  readonly quick: QuickStage = {
    reply: (question, reply) => this.#quickReply(question, reply),
    byWorkers: { count: (tally) => this.#countAll(tally) },
  }
  #endpoint: HttpEndpoint | undefined

  constructor(env: Env, address: string, zones: readonly Name[], options: Options) {
    this.#env = env
    this.#options = options
    this.#exemplars = options.openmetrics === 'exemplars'
    this.#address = address
    this.#zones = zones
    this.#view = env.block.view
    this.#handles = new HandleTable(env.metrics, env.block.view)
    this.#sizes = env.slot<number>()
    this.#quickZones = new QuickZones(zones.map((zone) => [zone, zone]))
  }

  async start(): Promise<void> {
    const { tls, bearer, openmetrics } = this.#options
    const { files } = this.#env
    const exposition = new Exposition({ expose: (form) => this.#env.exposeMetrics(form), read: files.read }, openmetrics, bearer === undefined ? undefined : files.resolve(bearer.text))
    this.#endpoint = await serveWhenFree(this.#env, this.#address, '/metrics', (request) => exposition.answer(request), tls === undefined ? {} : { tls: this.#readTls(tls) })
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
    const handles = this.#handles.of(q.server.label, matchZone(this.#zones, q.asked.name) ?? '.')
    handles.requests(q.protocol, q.client.family, q.question.type).add()
    if (q.request.edns?.do === true) handles.doRequests.add()
    const exemplar = this.#exemplars ? exemplarOf(lowerName(q.asked.name)) : undefined
    handles.durations.observe((this.#env.clock.nowMs() - q.arrival.startMs) / 1000, exemplar)
    handles.requestSizes[q.protocol].observe(this.#sizes.get(q) ?? 0)
    handles.responseSizes[q.protocol].observe(q.written ? messageLength(q.reply) : 0)
    handles.responses(q.dropped ? 'NOERROR' : rcodeName(q.reply.rcode), q.written ? q.answeredBy : '').add()
  }

  #readTls(file: Token): HttpTls {
    const { files } = this.#env
    return readWebConfig(files.resolve(file.text), files.read, (why) => {
      throw new ConfigError(file, 'prometheus', `tls: ${why}`)
    })
  }

  #quickReply(question: QuickQuestion, reply: QuickReply): void {
    const handles = this.#handles.of(question.server!.label, this.#quickZones.match(question) ?? '.')
    handles.requests(question.protocol, question.family, question.type).add()
    if (question.do) handles.doRequests.add()
    const exemplar = this.#exemplars ? exemplarOf(question.text()) : undefined
    handles.durations.observe((this.#env.clock.nowMs() - question.startMs) / 1000, exemplar)
    handles.requestSizes[question.protocol].observe(question.length)
    handles.responseSizes[question.protocol].observe(reply.length)
    handles.responses(rcodeName(reply.rcode), reply.answeredBy).add()
  }

  /** Adds what packet workers have counted; they answer over UDP, and only what `cache` keeps. */
  #countAll(tally: Tally): void {
    const handles = this.#handles.of(tally.server, tally.zone)
    for (const family of [1, 2] as const) {
      COUNTED_TYPES.forEach((type, i) => addSome(tally.requests[family - 1]![i]!, () => handles.requests('udp', family, TYPE[type])))
      addSome(tally.requests[family - 1]![COUNTED_TYPES.length]!, () => handles.requests('udp', family, TYPE.Reserved))
    }
    for (let rcode = 0; rcode < tally.replies.length; rcode++) addSome(tally.replies[rcode]!, () => handles.responses(rcodeName(rcode), 'cache'))
    addSome(tally.dnssecOk, () => handles.doRequests)
    handles.durations.merge(tally.durations.counts, tally.durations.sum)
    handles.requestSizes.udp.merge(tally.requestSizes.counts, tally.requestSizes.sum)
    handles.responseSizes.udp.merge(tally.replySizes.counts, tally.replySizes.sum)
  }

  #pluginEnabled() {
    return this.#env.metrics.gauge('coredns_plugin_enabled', 'A metric that indicates whether a plugin is enabled on per server and zone basis.', ['server', 'zone', 'view', 'name'])
  }

  /** Labels for each stage of the chain, for the block's first key only, as CoreDNS has them. */
  #enabled(): [string[]][] {
    const inChain = this.#env.siblings().filter((stage) => stage.query !== undefined || stage.reply !== undefined)
    const [first] = this.#env.block.keys
    const servers = this.#env.block.serverLabels().filter((label) => label.startsWith(`${first?.scheme}://`) && label.endsWith(`:${first?.port}`))
    return servers.flatMap((server) => inChain.map((stage): [string[]] => [[server, this.#zones[0] ?? '.', this.#view, stage.name]]))
  }
}

function exemplarOf(name: Name): { readonly name: string } {
  return { name: name.slice(0, EXEMPLAR_NAME) }
}

/** A series appears with its first event. */
function addSome(n: number, counter: () => Counter): void {
  if (n > 0) counter().add(n)
}
