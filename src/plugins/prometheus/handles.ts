import { dnsMetrics, typeLabel, type DnsMetrics } from '../../core/dns-metrics.ts'
import type { Counter, Histogram, Metrics } from '../../core/metrics.ts'
import type { Protocol } from '../../core/query.ts'
import type { Name } from '../../wire/name.ts'

/** The largest type that has a mnemonic and a label; those beyond share one. */
const LAST_TYPE = 260

/** The metric handles of one listener group and zone, taken once. */
export class Handles {
  readonly durations: Histogram
  readonly requestSizes: Readonly<Record<Protocol, Histogram>>
  readonly responseSizes: Readonly<Record<Protocol, Histogram>>
  readonly #dns: DnsMetrics
  readonly #labels: readonly [string, Name, string]
  #doRequests: Counter | undefined
  /** By type, family and protocol. */
  readonly #requests = new Map<number, Counter>()
  /** By stage, then by rcode. */
  readonly #responses = new Map<string, Map<string, Counter>>()

  constructor(dns: DnsMetrics, server: string, zone: Name, view: string) {
    this.#dns = dns
    this.#labels = [server, zone, view]
    this.durations = dns.durations.with(...this.#labels)
    this.requestSizes = byProtocol((protocol) => dns.requestSizes.with(...this.#labels, protocol))
    this.responseSizes = byProtocol((protocol) => dns.responseSizes.with(...this.#labels, protocol))
  }

  get doRequests(): Counter {
    this.#doRequests ??= this.#dns.doRequests.with(...this.#labels)
    return this.#doRequests
  }

  requests(protocol: Protocol, family: 1 | 2, type: number): Counter {
    const key = Math.min(type, LAST_TYPE + 1) * 4 + (family - 1) * 2 + (protocol === 'udp' ? 0 : 1)
    const known = this.#requests.get(key)
    if (known !== undefined) return known
    const counter = this.#dns.requests.with(...this.#labels, protocol, String(family), typeLabel(type))
    this.#requests.set(key, counter)
    return counter
  }

  responses(rcode: string, plugin: string): Counter {
    const known = this.#responses.get(plugin)?.get(rcode)
    if (known !== undefined) return known
    const ofPlugin = this.#responses.get(plugin) ?? new Map<string, Counter>()
    const counter = this.#dns.responses.with(...this.#labels, rcode, plugin)
    this.#responses.set(plugin, ofPlugin.set(rcode, counter))
    return counter
  }
}

/** Handles by `server` label and zone; bounded by listener groups times zones of a block. */
export class HandleTable {
  readonly #dns: DnsMetrics
  readonly #view: string
  readonly #handles = new Map<string, Map<Name, Handles>>()

  constructor(metrics: Metrics, view: string) {
    this.#dns = dnsMetrics(metrics)
    this.#view = view
  }

  of(server: string, zone: Name): Handles {
    const known = this.#handles.get(server)?.get(zone)
    if (known !== undefined) return known
    const ofServer = this.#handles.get(server) ?? new Map<Name, Handles>()
    const made = new Handles(this.#dns, server, zone, this.#view)
    this.#handles.set(server, ofServer.set(zone, made))
    return made
  }
}

/** Each taken with the first query over its protocol, as series appear with their first event. */
function byProtocol(take: (protocol: Protocol) => Histogram): Readonly<Record<Protocol, Histogram>> {
  let udp: Histogram | undefined
  let tcp: Histogram | undefined
  return {
    get udp() { return udp ??= take('udp') },
    get tcp() { return tcp ??= take('tcp') },
  }
}
