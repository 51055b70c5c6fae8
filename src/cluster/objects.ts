/**
 * What DNS needs of the API's objects. The objects themselves are never kept: decoding copies these fields and drops the rest.
 */

export interface ServicePort {
  readonly name: string
  /** As the API writes it: `TCP`, `UDP`, `SCTP`; empty on the sentinel. */
  readonly protocol: string
  /** -1 for "no ports": such a service has addresses but no SRV records. */
  readonly port: number
}

export interface Service {
  readonly kind: 'Service'
  readonly namespace: string
  readonly name: string
  readonly type: string
  /** As written; `None` first makes the service headless. Never empty: without an address it holds ''. */
  readonly clusterIps: readonly string[]
  readonly externalName: string
  readonly ports: readonly ServicePort[]
  /** spec.externalIPs, then the load balancer's addresses or host names. */
  readonly externalIps: readonly string[]
  readonly hasSelector: boolean
}

/** One address of an EndpointSlice that is ready. */
export interface EndpointAddress {
  /** An IP address as written, or a name where the slice's addressType is FQDN. */
  readonly text: string
  readonly hostname: string
  /** Name of the pod or node behind it; empty when it is too long for a label. */
  readonly targetName: string
  /** Topology zone, lower-cased. */
  readonly zone: string
}

interface Slice {
  readonly namespace: string
  readonly name: string
  /** Name of the service whose endpoints they are; empty where no label says it. */
  readonly service: string
  readonly addresses: readonly EndpointAddress[]
  readonly ports: readonly ServicePort[]
  /** When the change that led to this slice happened, in Unix milliseconds, if the slice says so. */
  readonly triggeredMs: number | undefined
}

export interface EndpointSlice extends Slice {
  readonly kind: 'EndpointSlice'
}

/** An EndpointSlice as the Multi-Cluster Services API sees it: endpoints of a ServiceImport, in one of the clusters. */
export interface ImportedSlice extends Slice {
  readonly kind: 'ImportedSlice'
  /** Empty where no label says it. */
  readonly cluster: string
}

/** A service that several clusters share (multicluster.x-k8s.io). */
export interface ServiceImport {
  readonly kind: 'ServiceImport'
  readonly namespace: string
  readonly name: string
  /** Its answers are its endpoints; otherwise it has addresses of its own. */
  readonly headless: boolean
  readonly ips: readonly string[]
  /** Empty for none: there is no sentinel as of services in the cluster. */
  readonly ports: readonly ServicePort[]
}

export interface Namespace {
  readonly kind: 'Namespace'
  readonly name: string
}

export interface Pod {
  readonly kind: 'Pod'
  readonly namespace: string
  readonly name: string
  readonly ip: string
  /** Those that are wanted (`Wanted.podLabels`), of those that it has. */
  readonly labels: Readonly<Record<string, string>>
  /** Being deleted: an update that says so changes nothing, the record goes with the deletion. */
  readonly deleting: boolean
}

export type ClusterObject = Service | EndpointSlice | Namespace | Pod | ServiceImport | ImportedSlice
export type Kind = ClusterObject['kind']

/** The first cluster IP is `None`. */
export function isHeadless(service: Service): boolean {
  return service.clusterIps[0] === 'None'
}
