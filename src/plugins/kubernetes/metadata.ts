import type { ClusterIndex } from '../../cluster/index.ts'
import type { Pod } from '../../cluster/objects.ts'
import type { Query } from '../../core/query.ts'
import { matchZone } from '../../core/zones.ts'
import { countLabels, lowerName, splitLabels, type Name } from '../../wire/name.ts'
import { parseClusterName, type Parsed } from '../../cluster/grammar.ts'
import type { KubernetesOptions } from './options.ts'

const PREFIX = 'kubernetes/'
/** Begins what labels of the pod that asks are called. */
const LABEL = 'client-label/'
export const CLIENT_LABEL = `${PREFIX}${LABEL}`
/** Why a name says nothing, as CoreDNS words it. */
const PARSE_ERROR = 'invalid query name'

/** What the pod that asks says. */
const OF_POD: Readonly<Record<string, (pod: Pod) => string>> = {
  'client-namespace': (pod) => pod.namespace,
  'client-pod-name': (pod) => pod.name,
}

/** What the question's name says; parts that it does not have are empty. */
const OF_NAME: Readonly<Record<string, (parsed: Parsed, labels: readonly string[]) => string>> = {
  'kind': (parsed, labels) => (parsed.kind === 'bare' ? '' : labels.at(-1)!),
  'namespace': (parsed) => ('namespace' in parsed ? parsed.namespace : ''),
  'service': (parsed) => (parsed.kind === 'service' ? parsed.service : parsed.kind === 'pod' ? parsed.label : ''),
  'endpoint': (parsed) => ('endpoint' in parsed ? parsed.endpoint : ''),
  'port-name': (parsed) => ('filter' in parsed ? parsed.filter.port : ''),
  'protocol': (parsed) => ('filter' in parsed ? parsed.filter.protocol : ''),
}

/** Metadata of a query (specification 3.23.11): who asks, where pods are verified, and what for. Undefined for labels that it has not. */
export function clusterMetadata(label: string, q: Query, index: ClusterIndex, options: KubernetesOptions): string | undefined {
  if (!label.startsWith(PREFIX)) return undefined
  const key = label.slice(PREFIX.length)
  const isLabel = key.startsWith(LABEL)
  if (isLabel || Object.hasOwn(OF_POD, key)) {
    const pod = options.pods === 'verified' ? index.podsOf(q.client.address)[0] : undefined
    return pod === undefined ? undefined : isLabel ? ownLabel(pod, key.slice(LABEL.length)) : OF_POD[key]!(pod)
  }
  const name = lowerName(q.asked.name)
  const zone = matchZone(options.zones, name)
  return zone === undefined ? undefined : ofName(key, name, zone, options.zonal)
}

function ownLabel({ labels }: Pod, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined
}

function ofName(key: string, name: Name, zone: Name, zonal: boolean): string | undefined {
  // In zones of other clusters too: CoreDNS reads names here as in its own.
  const parsed = parseClusterName(name, zone, { zonal, multicluster: false })
  if (parsed.kind === 'invalid') return key === 'parse-error' ? PARSE_ERROR : undefined
  if (key === 'zone') return zonal ? (parsed.kind === 'service' ? parsed.zone?.zone ?? '' : '') : undefined
  const all = splitLabels(name)
  return Object.hasOwn(OF_NAME, key) ? OF_NAME[key]!(parsed, all.slice(0, all.length - countLabels(zone))) : undefined
}
