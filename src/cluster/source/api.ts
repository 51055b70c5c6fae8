import type { ClusterIndex } from '../index.ts'
import type { SourceChoice } from './open.ts'
import type { Source, SourceWorld, Wanted } from './source.ts'
export class ApiSource implements Source {
  readonly synced = false
  constructor(_choice: SourceChoice, _wanted: Wanted, _world: SourceWorld) {}
  start(_index: ClusterIndex): Promise<void> { return Promise.reject(new Error('not there yet')) }
  stop(): Promise<void> { return Promise.resolve() }
}
