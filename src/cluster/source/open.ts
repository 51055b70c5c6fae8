import type { Env } from '../../core/env.ts'
import { ApiSource } from './api.ts'
import { SnapshotSource } from '../snapshot/source.ts'
import { ManifestSource } from './manifests.ts'
import type { Source, SourceChoice, Wanted } from './source.ts'

/** `snapshot`: a file in which an index from an API server outlives the process. */
export function openSource(choice: SourceChoice, wanted: Wanted, world: Pick<Env, 'clock' | 'log' | 'random' | 'metrics'>, snapshot?: string): Source {
  if (choice.kind === 'objects') return new ManifestSource(choice.paths, wanted, world)
  const source = new ApiSource(choice, wanted, world)
  return snapshot === undefined ? source : new SnapshotSource(source, { path: snapshot, key: sourceKey(choice, wanted) }, world)
}

/** Equal for choices that yield the same objects. */
export function sourceKey(choice: SourceChoice, wanted: Wanted): string {
  return JSON.stringify([choice, wanted.kinds, wanted.labels?.text, wanted.namespaceLabels?.text, wanted.node, ...wanted.podLabels ?? []])
}
