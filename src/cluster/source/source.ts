import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { Random } from '../../core/env.ts'
import type { ClusterIndex } from '../index.ts'
import type { Kind } from '../objects.ts'
import type { Selector } from '../selector.ts'

/** Which objects are wanted. */
export interface Wanted {
  readonly kinds: readonly Kind[]
  /** On Services, EndpointSlices (also of other clusters) and Pods. */
  readonly labels: Selector | undefined
  /** On Namespaces and ServiceImports. */
  readonly namespaceLabels: Selector | undefined
  /** Keys of the labels of Pods that somebody looks at. */
  readonly podLabels?: readonly string[]
  /** Of Pods only those on this node. */
  readonly node?: string
}

/** Where a cluster's objects come from. */
export type SourceChoice =
  | { readonly kind: 'in-cluster' }
  | { readonly kind: 'kubeconfig'; readonly file: string; readonly context: string | undefined }
  | { readonly kind: 'endpoint'; readonly url: string; readonly tls: { readonly cert: string; readonly key: string; readonly ca: string } | undefined }
  | { readonly kind: 'objects'; readonly paths: readonly string[] }

export interface SourceWorld {
  readonly clock: Clock
  readonly log: Log
  readonly random: Random
  readonly metrics: Metrics
}

/** Where the cluster's objects come from: keeps an index up to date until it is stopped. */
export interface Source {
  /** Starts filling the index. Rejects only for configuration that can never work; what may pass is retried. */
  start(index: ClusterIndex): Promise<void>
  /** All wanted objects have been seen once. Never becomes false again. */
  readonly synced: boolean
  /** When what is served was true, in Unix milliseconds, if that is not now. */
  readonly staleSinceMs?: number | undefined
  stop(): Promise<void>
}
