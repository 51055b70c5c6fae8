import { isMap, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from 'yaml'
import { mapping, nameOf, namespaceOf, ObjectError } from '../decode.ts'

/** One object of a manifest file and where it begins. */
export interface ManifestObject {
  readonly kind: string
  readonly json: Readonly<Record<string, unknown>>
  /** `FILE:LINE`. */
  readonly place: string
}

/** API groups by the kinds that DNS reads, or reads of. Whatever else a folder holds is none of our business. */
const GROUPS: Readonly<Record<string, string>> = {
  Service: '', EndpointSlice: 'discovery.k8s.io', Endpoints: '', Namespace: '', Pod: '', ServiceImport: 'multicluster.x-k8s.io', Deployment: 'apps', StatefulSet: 'apps', DaemonSet: 'apps', ReplicaSet: 'apps',
}
/** Aliases that a document may expand to; YAML bombs need thousands. */
const ALIAS_LIMIT = 1000

export interface ManifestFile {
  readonly objects: ManifestObject[]
  readonly errors: string[]
  /** Some of the file could not be read as YAML at all: what it wanted to say is not known. */
  readonly torn: boolean
}

/** Splits YAML or JSON into objects, lists taken apart. What is no object is an error with its place, and the rest still counts. */
export function parseManifests(text: string, file: string): ManifestFile {
  const lines = new LineCounter()
  const objects: ManifestObject[] = []
  const errors: string[] = []
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent', merge: true })
  if ('empty' in documents) return { objects, errors, torn: false }
  let torn = false
  for (const document of documents) {
    const [problem] = document.errors
    if (problem !== undefined) {
      torn = true
      errors.push(`${file}:${lines.linePos(problem.pos[0]).line}: ${problem.message}; this document is left out`)
      continue
    }
    try {
      readDocument(document, file, lines, objects, errors)
    } catch (error) {
      // The package's own: an alias without its anchor, or aliases that would fill memory.
      if (!(error instanceof ReferenceError)) throw error
      errors.push(`${file}:${lines.linePos(document.contents?.range[0] ?? document.range[0]).line}: ${error.message}; this document is left out`)
    }
  }
  return { objects, errors, torn }
}

function readDocument(document: Document.Parsed, file: string, lines: LineCounter, objects: ManifestObject[], errors: string[]): void {
  const root = document.contents
  if (root === null || (document.toJS({ maxAliasCount: ALIAS_LIMIT }) ?? null) === null) return
  for (const { node, json } of items(root, document.toJS({ maxAliasCount: ALIAS_LIMIT }))) {
    const place = `${file}:${lines.linePos(node?.range?.[0] ?? 0).line}`
    try {
      const object = readObject(json)
      if (object !== undefined) objects.push({ ...object, place })
    } catch (error) {
      if (!(error instanceof ObjectError)) throw error
      errors.push(`${place}: ${error.message}; this object is left out`)
    }
  }
}

/** The object itself, or the items of a List. */
function items(root: Node, json: unknown): { node: Node | undefined; json: unknown }[] {
  const { kind, items: list } = (typeof json === 'object' && json !== null ? json : {}) as { kind?: unknown; items?: unknown }
  if (typeof kind !== 'string' || !kind.endsWith('List') || (!Array.isArray(list) && (list ?? null) !== null)) return [{ node: root, json }]
  const sequence = isMap(root) ? root.get('items', true) : undefined
  return ((list ?? []) as unknown[]).map((item, i) => ({ node: isSeq(sequence) ? sequence.items[i] as Node : root, json: item }))
}

/** Undefined for what is not ours to read: kustomizations, custom resources, also those that are called Service. Throws ObjectError. */
function readObject(value: unknown): Omit<ManifestObject, 'place'> | undefined {
  const json = mapping(value, 'object')
  const { kind, apiVersion = '' } = json
  if (typeof kind !== 'string') throw new ObjectError('kind: a text is wanted; every manifest says apiVersion and kind')
  if (!Object.hasOwn(GROUPS, kind) || !inGroup(apiVersion, GROUPS[kind]!)) return undefined
  nameOf(json)
  namespaceOf(json)
  return { kind, json }
}

/** Also true of a manifest that does not say its version. */
function inGroup(apiVersion: unknown, group: string): boolean {
  return apiVersion === '' || String(apiVersion).replace(/\/?[^/]*$/, '') === group
}
