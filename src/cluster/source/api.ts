import type { Log } from '../../base/log.ts'
import { Slices } from '../../base/slices.ts'
import type { ClusterIndex } from '../index.ts'
import type { Kind } from '../objects.ts'
import { IMPORT_LABEL } from '../decode.ts'
import { ApiClient } from './api-client.ts'
import { connectionOf } from './kubeconfig.ts'
import type { SourceChoice } from './source.ts'
import { Reflector, titleOf, type Resource } from './reflector.ts'
import type { Source, SourceWorld, Wanted } from './source.ts'

/** The API's paths for what we watch. */
export const RESOURCES: Readonly<Record<Kind, Omit<Resource, 'kind' | 'labelSelector' | 'podLabels'>>> = {
  Service: { path: '/api/v1/services', group: '', plural: 'services' },
  Namespace: { path: '/api/v1/namespaces', group: '', plural: 'namespaces' },
  EndpointSlice: { path: '/apis/discovery.k8s.io/v1/endpointslices', group: 'discovery.k8s.io', plural: 'endpointslices' },
  Pod: { path: '/api/v1/pods', group: '', plural: 'pods', fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown' },
  ServiceImport: {
    path: '/apis/multicluster.x-k8s.io/v1alpha1/serviceimports', group: 'multicluster.x-k8s.io', plural: 'serviceimports',
    whenAbsent: 'install the CustomResourceDefinitions of the Multi-Cluster Services API, or remove multicluster from the Corefile',
  },
  ImportedSlice: { path: '/apis/discovery.k8s.io/v1/endpointslices', group: 'discovery.k8s.io', plural: 'endpointslices', title: 'endpointslices of other clusters' },
}

/** Work on events without a break; queries wait no longer than this, and what one event takes. */
const PIECE_MS = 4

/** The objects of a cluster, from its API server: one list and watch a kind. */
export class ApiSource implements Source {
  readonly #choice: Exclude<SourceChoice, { kind: 'objects' }>
  readonly #wanted: Wanted
  readonly #world: SourceWorld
  readonly #log: Log
  #reflectors: readonly Reflector[] = []
  #client: ApiClient | undefined

  constructor(choice: Exclude<SourceChoice, { kind: 'objects' }>, wanted: Wanted, world: SourceWorld) {
    this.#choice = choice
    this.#wanted = wanted
    this.#world = world
    this.#log = world.log
  }

  get synced(): boolean {
    return this.#reflectors.length > 0 && this.#reflectors.every((reflector) => reflector.synced)
  }

  /** Rejects when there are no usable credentials; an API server that does not answer is asked until it does. */
  async start(index: ClusterIndex): Promise<void> {
    const client = new ApiClient(await connectionOf(this.#choice), this.#world)
    this.#client = client
    this.#log.info(`watching ${this.#wanted.kinds.map((kind) => titleOf(RESOURCES[kind])).join(', ')} at ${client.server}`)
    const slices = new Slices(this.#world.clock, PIECE_MS)
    this.#reflectors = this.#wanted.kinds.map((kind) => new Reflector({ kind, ...RESOURCES[kind], ...fieldsOf(kind, this.#wanted), labelSelector: selectorText(kind, this.#wanted), podLabels: this.#wanted.podLabels ?? [] }, client, index, this.#world, slices))
    for (const reflector of this.#reflectors) reflector.start()
  }

  async stop(): Promise<void> {
    for (const reflector of this.#reflectors) reflector.stop()
    this.#client?.close()
    return Promise.resolve()
  }
}

/** ServiceImports go by the labels that are meant for namespaces, as in CoreDNS. */
function selectorText(kind: Kind, { labels, namespaceLabels }: Wanted): string | undefined {
  if (kind === 'Namespace' || kind === 'ServiceImport') return namespaceLabels?.text
  return kind === 'ImportedSlice' ? [labels?.text ?? '', IMPORT_LABEL].filter((text) => text !== '').join(',') : labels?.text
}

function fieldsOf(kind: Kind, { node }: Wanted): { readonly fieldSelector?: string } {
  return kind === 'Pod' && node !== undefined ? { fieldSelector: `${RESOURCES.Pod.fieldSelector},spec.nodeName=${node}` } : {}
}
