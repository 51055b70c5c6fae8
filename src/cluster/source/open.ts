import type { Env } from '../../core/env.ts'
import { ApiSource } from './api.ts'
import { ManifestSource } from './manifests.ts'
import type { Source, SourceChoice, Wanted } from './source.ts'

export function openSource(choice: SourceChoice, wanted: Wanted, world: Pick<Env, 'clock' | 'log' | 'random' | 'metrics'>): Source {
  return choice.kind === 'objects' ? new ManifestSource(choice.paths, wanted, world) : new ApiSource(choice, wanted, world)
}

/** Equal for choices that yield the same objects. */
export function sourceKey(choice: SourceChoice, wanted: Wanted): string {
  return JSON.stringify([choice, wanted.kinds, wanted.labels?.text, wanted.namespaceLabels?.text])
}
