import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { mergePatch, type ApiObject } from '../support/api-server/objects.ts'

/** One change of a watch case. */
export type Change = { readonly apply: ApiObject } | { readonly patch: ApiObject; readonly with: unknown } | { readonly delete: ApiObject }

/** Where the recordings' objects live while they are replayed. */
export interface ObjectStore {
  /** What the `kubernetes` directive says to read them. */
  readonly option: string
  change(change: Change): Promise<void>
  close(): Promise<void>
}

export function readObjects(folder: string): Map<string, ApiObject[]> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml')).sort()
  return new Map(files.map((file) => [file, parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => document.toJS() as ApiObject | null).filter((object) => object !== null)]))
}

/** Objects as a folder of manifests; a change rewrites one file and renames it into place. */
export class ManifestStore implements ObjectStore {
  readonly folder = mkdtempSync(join(tmpdir(), 'conformance-objects-'))
  readonly option = `objects ${this.folder}`
  readonly #files: Map<string, ApiObject[]>

  constructor(objects: Map<string, ApiObject[]>) {
    this.#files = objects
    for (const file of objects.keys()) this.#write(file)
  }

  change(change: Change): Promise<void> {
    if ('apply' in change) this.#apply(change.apply)
    else if ('patch' in change) this.#patch(change.patch, change.with)
    else this.#delete(change.delete)
    return Promise.resolve()
  }

  close(): Promise<void> {
    rmSync(this.folder, { recursive: true, force: true })
    return Promise.resolve()
  }

  #apply(object: ApiObject): void {
    const place = this.#find(object)
    const file = place?.file ?? `watch-${object.kind}-${object.metadata.namespace ?? ''}-${object.metadata.name}.yaml`.toLowerCase().replaceAll('--', '-')
    const objects = this.#files.get(file) ?? []
    this.#files.set(file, place === undefined ? [...objects, object] : objects.with(place.at, object))
    this.#write(file)
  }

  #patch(object: ApiObject, patch: unknown): void {
    const { file, at } = this.#find(object)!
    const objects = this.#files.get(file)!
    this.#files.set(file, objects.with(at, mergePatch(objects[at], patch) as ApiObject))
    this.#write(file)
  }

  /** A namespace takes what is in it along. */
  #delete(object: ApiObject): void {
    for (const [file, objects] of this.#files) {
      const left = objects.filter((other) => keyOf(other) !== keyOf(object) && !(object.kind === 'Namespace' && other.metadata.namespace === object.metadata.name))
      if (left.length === objects.length) continue
      this.#files.set(file, left)
      this.#write(file)
    }
  }

  #find(object: ApiObject): { file: string; at: number } | undefined {
    for (const [file, objects] of this.#files) {
      const at = objects.findIndex((other) => keyOf(other) === keyOf(object))
      if (at >= 0) return { file, at }
    }
    return undefined
  }

  #write(file: string): void {
    const objects = this.#files.get(file)!
    if (objects.length === 0) {
      this.#files.delete(file)
      rmSync(join(this.folder, file), { force: true })
      return
    }
    const temporary = join(this.folder, `.${file}.tmp`)
    writeFileSync(temporary, objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n'))
    renameSync(temporary, join(this.folder, file))
  }
}

function keyOf(object: ApiObject): string {
  return `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`
}
