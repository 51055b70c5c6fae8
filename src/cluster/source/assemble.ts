import { parseIp } from '../../base/ip.ts'
import { decodeObject, IMPORT_LABEL, labelsOf, nameOf, namespaceOf, ObjectError } from '../decode.ts'
import type { ClusterObject, EndpointSlice, Kind } from '../objects.ts'
import { endpointsFromPods, ownsPods, readPod, selectorOf, WORKLOADS, type PodState } from './endpoints.ts'
import type { ManifestObject } from './manifest-file.ts'
import { mirroredSlices } from './mirror.ts'
import type { Wanted } from './source.ts'

const KINDS: readonly string[] = ['Service', 'EndpointSlice', 'Namespace', 'Pod', 'ServiceImport'] satisfies Kind[]
/** Namespaces that every cluster has. */
const BUILT_IN = ['default', 'kube-system', 'kube-public', 'kube-node-lease']
/** Phases whose pods are no longer seen by DNS. */
const ENDED = new Set(['Succeeded', 'Failed', 'Unknown'])

/**
 * What a cluster with these manifests would show to DNS: the objects themselves, the namespaces that they live in, and, for Services
 * that have no EndpointSlice of their own, those that controllers would make: from the Pods that they select, or from Endpoints of the
 * same name. Remarks go to `say`, errors too.
 */
export function assemble(manifests: readonly ManifestObject[], wanted: Wanted, say: (text: string) => void): ClusterObject[] {
  const objects: ClusterObject[] = []
  const slicesOf = new Set<string>()
  const pods: PodState[] = []
  for (const manifest of manifests) {
    if (manifest.kind === 'Pod') attempt(manifest, say, () => pods.push(readPod(manifest.json)))
    if (!KINDS.includes(manifest.kind)) continue
    attempt(manifest, say, () => {
      for (const kind of kindsOf(manifest)) {
        const object = decodeObject(kind, manifest.json, wanted.podLabels)
        checkAddresses(object, manifest.json)
        if (object.kind === 'EndpointSlice') slicesOf.add(`${object.namespace}/${object.service}`)
        if (isSelected(object, manifest, wanted)) objects.push(object)
      }
    })
  }
  const derived = wanted.kinds.includes('EndpointSlice') ? deriveSlices(manifests, slicesOf, pods, wanted, say) : []
  return [...impliedNamespaces(objects, manifests, wanted), ...objects.filter((object) => wanted.kinds.includes(object.kind)), ...derived]
}

/** A slice is its cluster's own, and may be one of a service that several clusters share besides. */
function kindsOf({ kind, json }: ManifestObject): readonly Kind[] {
  return kind === 'EndpointSlice' && Object.hasOwn(labelsOf(json), IMPORT_LABEL) ? ['EndpointSlice', 'ImportedSlice'] : [kind as Kind]
}

function isSelected(object: ClusterObject, manifest: ManifestObject, wanted: Wanted): boolean {
  const labels = labelsOf(manifest.json)
  if (object.kind === 'Namespace') return wanted.namespaceLabels?.matches({ 'kubernetes.io/metadata.name': object.name, ...labels }) ?? true
  if (object.kind === 'ServiceImport') return wanted.namespaceLabels?.matches(labels) ?? true
  if (object.kind === 'Pod' && (ENDED.has(phaseOf(manifest.json)) || (wanted.node !== undefined && nodeOf(manifest.json) !== wanted.node))) return false
  return wanted.labels?.matches(labels) ?? true
}

/** A namespace that holds an object exists: no API server would have taken the object otherwise. */
function impliedNamespaces(objects: readonly ClusterObject[], manifests: readonly ManifestObject[], wanted: Wanted): ClusterObject[] {
  const declared = new Set(manifests.filter((manifest) => manifest.kind === 'Namespace').map((manifest) => (manifest.json.metadata as { name: string }).name))
  const names = new Set([...BUILT_IN, ...objects.flatMap((object) => (object.kind === 'Namespace' ? [] : [object.namespace]))])
  return [...names].filter((name) => !declared.has(name))
    .filter((name) => wanted.namespaceLabels?.matches({ 'kubernetes.io/metadata.name': name }) ?? true)
    .map((name) => ({ kind: 'Namespace', name }))
}

function deriveSlices(
  manifests: readonly ManifestObject[], slicesOf: ReadonlySet<string>, pods: readonly PodState[], wanted: Wanted, say: (text: string) => void,
): EndpointSlice[] {
  const slices: EndpointSlice[] = []
  const byKind = Map.groupBy(manifests, (manifest) => manifest.kind)
  const podsIn = Map.groupBy(pods, (pod) => pod.namespace)
  const workloads = WORKLOADS.flatMap((kind) => byKind.get(kind) ?? [])
  for (const service of byKind.get('Service') ?? []) {
    attempt(service, say, () => {
      const selector = selectorOf(service.json)
      const { namespace = 'default', name } = service.json.metadata as { namespace?: string; name: string }
      if (slicesOf.has(`${namespace}/${name}`)) return
      if (selector === undefined) return void slices.push(...mirror(byKind.get('Endpoints') ?? [], namespace, name, wanted, say))
      if (!(wanted.labels?.matches(labelsOf(service.json)) ?? true)) return
      const found = endpointsFromPods(service.json, selector, podsIn.get(namespace) ?? [])
      slices.push(...found)
      if (found.length === 0) remark(service, namespace, name, selector, workloads, say)
    })
  }
  return slices
}

function mirror(all: readonly ManifestObject[], namespace: string, name: string, wanted: Wanted, say: (text: string) => void): EndpointSlice[] {
  const slices: EndpointSlice[] = []
  for (const endpoints of all) {
    if (nameOf(endpoints.json) !== name || namespaceOf(endpoints.json) !== namespace) continue
    attempt(endpoints, say, () => { if (wanted.labels?.matches(labelsOf(endpoints.json)) ?? true) slices.push(...mirroredSlices(endpoints.json)) })
  }
  return slices
}

/** What an API server would not take: it would be served as a name. */
function checkAddresses(object: ClusterObject, json: Readonly<Record<string, unknown>>): void {
  const [field, texts] = addressesOf(object, json)
  const wrong = texts.find((text) => parseIp(text) === undefined)
  if (wrong !== undefined) throw new ObjectError(`${field}: ${JSON.stringify(wrong)} is no IP address`)
}

function addressesOf(object: ClusterObject, json: Readonly<Record<string, unknown>>): readonly [field: string, texts: readonly string[]] {
  if (object.kind === 'Service') return ['spec.clusterIP', object.clusterIps.filter((text) => text !== '' && text !== 'None')]
  if (object.kind === 'ServiceImport') return ['spec.ips', object.ips]
  return ['endpoints', object.kind === 'EndpointSlice' && json.addressType !== 'FQDN' ? object.addresses.map((address) => address.text) : []]
}

/** Says when a workload would have the pods that are missing. */
function remark(service: ManifestObject, namespace: string, name: string, selector: Readonly<Record<string, string>>, workloads: readonly ManifestObject[], say: (text: string) => void): void {
  for (const owner of workloads) {
    let owns = false
    attempt(owner, say, () => { owns = ownsPods(owner, namespace, selector) })
    if (!owns) continue
    say(`${service.place}: Service ${namespace}/${name} selects pods of ${owner.kind} ${(owner.json.metadata as { name: string }).name}, but there are no Pod manifests with addresses: it has no endpoints`)
    return
  }
}

function attempt(manifest: ManifestObject, say: (text: string) => void, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof ObjectError)) throw error
    say(`${manifest.place}: ${manifest.kind}: ${error.message}; this object is left out`)
  }
}

function nodeOf(json: Readonly<Record<string, unknown>>): unknown {
  return (json.spec as { nodeName?: unknown } | undefined)?.nodeName
}

function phaseOf(json: Readonly<Record<string, unknown>>): string {
  return String((json.status as { phase?: unknown } | undefined)?.phase ?? '')
}
