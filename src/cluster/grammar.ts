import { countLabels, splitLabels, type Name } from '../wire/name.ts'

/** What the labels left of the zone ask for (specification 3.23.3). All lower-case. */
export type Parsed =
  /** The zone itself, or `svc` or `pod` alone. */
  | { readonly kind: 'bare' }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'namespace'; readonly namespace: string }
  | { readonly kind: 'service'; readonly namespace: string; readonly service: string } & Tail
  /** What stands left of a pod's label means nothing to answers. */
  | { readonly kind: 'pod'; readonly namespace: string; readonly label: string } & Tail

/** What stands left of the service. */
interface Tail {
  readonly endpoint: string
  readonly cluster: string
  readonly filter: PortFilter
  readonly zone: ZoneFilter | undefined
}

/** Empty parts match everything. */
export interface PortFilter {
  readonly port: string
  readonly protocol: string
}

/** `TOPOZONE.pin._zone…` or `TOPOZONE.prefer._zone…`. */
export interface ZoneFilter {
  readonly zone: string
  /** With nothing in the zone, all endpoints are meant. */
  readonly prefer: boolean
}

/** Forms that not every zone has. */
export interface Forms {
  /** `TOPOZONE.pin._zone…`. */
  readonly zonal: boolean
  /** `ENDPOINT.CLUSTER…`, and no topology zones. */
  readonly multicluster: boolean
}

const ANY: Tail = { endpoint: '', cluster: '', filter: { port: '', protocol: '' }, zone: undefined }
const BARE: Parsed = { kind: 'bare' }
const INVALID: Parsed = { kind: 'invalid' }

/** `name` is lower-cased and in or below `zone`. */
export function parseClusterName(name: Name, zone: Name, forms: Forms): Parsed {
  const all = splitLabels(name)
  const labels = all.slice(0, all.length - countLabels(zone))
  const kind = labels.pop()
  if (kind === undefined) return BARE
  if (kind !== 'svc' && kind !== 'pod') return INVALID
  const namespace = labels.pop()
  if (namespace === undefined) return BARE
  const first = labels.pop()
  const tail = parseTail(labels, kind, forms)
  if (tail === undefined) return INVALID
  if (first === undefined) return { kind: 'namespace', namespace }
  return kind === 'pod' ? { kind, namespace, label: first, ...tail } : { kind: 'service', namespace, service: first, ...tail }
}

/** The labels left of the service: an endpoint, a port and protocol, an endpoint and its cluster, or a topology zone. */
function parseTail(labels: readonly string[], kind: 'svc' | 'pod', { zonal, multicluster }: Forms): Tail | undefined {
  const [a, b] = labels
  if (a === undefined) return ANY
  if (b === undefined) return { ...ANY, endpoint: a }
  if (labels.length === 2) {
    return multicluster && !a.startsWith('_') && !b.startsWith('_') ? { ...ANY, endpoint: a, cluster: b } : { ...ANY, filter: { port: strip(a), protocol: strip(b) } }
  }
  const directive = labels.at(-2)
  if (!zonal || multicluster || kind !== 'svc' || labels.at(-1) !== '_zone' || (directive !== 'pin' && directive !== 'prefer')) return undefined
  return { ...ANY, zone: { zone: labels.slice(0, -2).join('.'), prefer: directive === 'prefer' } }
}

function strip(label: string): string {
  return label.startsWith('_') ? label.slice(1) : label
}
