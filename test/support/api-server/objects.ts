/** Objects of the Kubernetes API as the stand-in keeps them: whole, by resource, with the history that watches read. */

export interface ApiObject {
  readonly apiVersion?: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly resourceVersion?: string
    readonly [field: string]: unknown
  }
  readonly [field: string]: unknown
}

export interface Resource {
  readonly kind: string
  readonly plural: string
  readonly prefix: string
  readonly namespaced: boolean
  /** A custom resource, which no API server has as protobuf. */
  readonly custom?: boolean
}

export const RESOURCES: readonly Resource[] = [
  { kind: 'Namespace', plural: 'namespaces', prefix: '/api/v1', namespaced: false },
  { kind: 'Service', plural: 'services', prefix: '/api/v1', namespaced: true },
  { kind: 'Pod', plural: 'pods', prefix: '/api/v1', namespaced: true },
  { kind: 'EndpointSlice', plural: 'endpointslices', prefix: '/apis/discovery.k8s.io/v1', namespaced: true },
  { kind: 'ServiceImport', plural: 'serviceimports', prefix: '/apis/multicluster.x-k8s.io/v1alpha1', namespaced: true, custom: true },
]

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: ApiObject
  /** What it was; undefined when it is new. A watch with a selector needs it. */
  readonly before: ApiObject | undefined
  readonly version: number
}

/** Events kept for watches that resume. */
const HISTORY_LIMIT = 10_000

/** One resource's objects and changes. Versions come from a counter that all resources share, as etcd's revision. */
export class Collection {
  readonly objects = new Map<string, ApiObject>()
  readonly #history: Change[] = []
  readonly #listeners = new Set<(change: Change) => void>()
  /** Versions up to this one are gone. */
  #compacted = 0

  put(object: ApiObject, version: number): ApiObject {
    const key = keyOf(object)
    const before = this.objects.get(key)
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
    this.objects.set(key, stored)
    this.#record({ type: before === undefined ? 'ADDED' : 'MODIFIED', object: stored, before, version })
    return stored
  }

  remove(key: string, version: number): ApiObject | undefined {
    const before = this.objects.get(key)
    if (before === undefined) return undefined
    this.objects.delete(key)
    this.#record({ type: 'DELETED', object: { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } }, before, version })
    return before
  }

  /** Undefined when the history no longer reaches back to `version`. */
  since(version: number): readonly Change[] | undefined {
    return version < this.#compacted ? undefined : this.#history.filter((change) => change.version > version)
  }

  compact(version: number): void {
    this.#compacted = version
    this.#history.length = 0
  }

  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #record(change: Change): void {
    this.#history.push(change)
    if (this.#history.length > HISTORY_LIMIT) this.#compacted = this.#history.shift()!.version
    for (const listener of this.#listeners) listener(change)
  }
}

export function keyOf(object: ApiObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`
}

/** RFC 7396. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const merged: Record<string, unknown> = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else merged[key] = mergePatch(merged[key], value)
  }
  return merged
}

/** Comma-separated `a=b`, `a==b`, `a!=b`, `a`, `!a`, `a in (b,c)`, `a notin (b,c)` over labels, or fields by their path. */
export function matches(selector: string | null, valueOf: (key: string) => string | undefined): boolean {
  return (selector ?? '').split(/,(?![^(]*\))/).filter((part) => part.trim() !== '').every((part) => {
    const set = /^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$/.exec(part)
    if (set !== null) {
      const value = valueOf(set[1]!)
      const listed = value !== undefined && set[3]!.split(',').some((item) => item.trim() === value)
      return set[2] === 'in' ? listed : !listed
    }
    const [, key, operator, wanted] = /^\s*([^=!\s]+)\s*(==|=|!=)\s*(.*?)\s*$/.exec(part) ?? []
    if (key !== undefined) return (valueOf(key) === wanted) === (operator !== '!=')
    const [, not, name] = /^\s*(!?)\s*(\S+)\s*$/.exec(part) ?? []
    return (valueOf(name!) !== undefined) === (not === '')
  })
}
