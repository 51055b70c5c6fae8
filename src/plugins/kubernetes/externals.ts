import { formatIp, parseIp, unmapIp } from '../../base/ip.ts'
import type { Change } from '../../cluster/change.ts'
import type { ClusterIndex } from '../../cluster/index.ts'
import { isHeadless, type Service } from '../../cluster/objects.ts'
import type { External, Externals } from '../../core/externals.ts'
import type { PortFilter } from '../../cluster/grammar.ts'
import { endpointHostname, hit, matchesPort, namespaceExposed } from './hits.ts'
import type { KubernetesOptions } from './options.ts'

interface Cluster {
  readonly index: ClusterIndex
  readonly localIps: readonly string[]
}

/** Ends what services and their namespaces are called in a Change. */
const SERVICES = '.svc'

/** The cluster's services as `k8s_external` serves them (specification 3.24, 16.18). */
export class ClusterExternals implements Externals {
  readonly #cluster: () => Cluster
  readonly #options: KubernetesOptions
  readonly #onChange: (listener: (change: Change) => void) => () => void

  /** `cluster` is asked from the stage's start on. */
  constructor(cluster: () => Cluster, options: KubernetesOptions, onChange: (listener: (change: Change) => void) => () => void) {
    this.#cluster = cluster
    this.#options = options
    this.#onChange = onChange
  }

  get #index(): ClusterIndex {
    return this.#cluster().index
  }

  get ttl(): number {
    return this.#options.ttl
  }

  get serial(): number {
    return this.#index.serial
  }

  find(labels: readonly string[], headless: boolean): readonly External[] | undefined {
    const [namespace, name, ...left] = labels.toReversed()
    if (namespace === undefined || !namespaceExposed(namespace, this.#index, this.#options)) return undefined
    if (name === undefined) return []
    if (left.length > 2) return undefined
    const service = this.#index.service(namespace, name)
    if (service === undefined) return undefined
    // One label is an endpoint, two are protocol and port.
    const [first = '', second] = left.map((label) => (label.startsWith('_') ? label.slice(1) : label))
    const endpoint = second === undefined ? first : ''
    const filter = second === undefined ? { port: '', protocol: '' } : { port: second, protocol: first }
    const found = headless && service.externalIps.length === 0 && (isHeadless(service) || endpoint !== '')
      ? this.#endpoints(service, endpoint, filter)
      : outside(service, filter)
    return found.length === 0 ? undefined : found
  }

  onChanged(listener: (labels: readonly string[], addresses: readonly Uint8Array[]) => void): () => void {
    return this.#onChange(({ names, addresses }) => {
      const labels = names.includes('') ? [''] : names.filter((name) => name.endsWith(SERVICES)).map((name) => name.slice(0, -SERVICES.length))
      if (labels.length > 0 || addresses.length > 0) listener(labels, addresses.map((text) => parseIp(text)!))
    })
  }

  servicesAt(address: Uint8Array): readonly string[] {
    const { namespaces } = this.#options
    return this.#index.servicesOutside(formatIp(address))
      .filter((service) => namespaces.size === 0 || namespaceExposed(service.namespace, this.#index, this.#options))
      .map((service) => `${service.name}.${service.namespace}`)
  }

  nameServers(headless: boolean): readonly Uint8Array[] {
    const { localIps } = this.#cluster()
    const slices = localIps.flatMap((ip) => this.#index.slicesOf(ip))
    const texts = slices.length === 0 ? localIps : slices.flatMap((slice) => {
      const service = this.#index.service(slice.namespace, slice.service)
      if (service === undefined) return []
      return headless && isHeadless(service) ? slice.addresses.map((address) => address.text) : service.externalIps
    })
    return texts.flatMap((text) => {
      const address = parseIp(text)
      return address === undefined ? [] : [unmapIp(address)]
    })
  }

  #endpoints(service: Service, endpoint: string, filter: PortFilter): External[] {
    return this.#index.slices(service.namespace, service.name).flatMap((slice) => slice.addresses.flatMap((address) => {
      const hostname = endpointHostname(address, this.#options.endpointPodNames)
      if (endpoint !== '' && hostname.toLowerCase() !== endpoint) return []
      return slice.ports.filter((port) => matchesPort(port, filter)).map((port) => hit(address.text, port.port, `${hostname}.${service.name}.${service.namespace}`))
    }))
  }
}

function outside(service: Service, filter: PortFilter): External[] {
  const ports = service.ports.filter((port) => matchesPort(port, filter))
  return service.externalIps.flatMap((text) => ports.map((port) => hit(text, port.port, `${service.name}.${service.namespace}`)))
}
