import { isMap, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from 'yaml'
import { mapping, nameOf, namespaceOf, ObjectError } from '../decode.ts'

/** One object of a manifest file and where it begins. */
export interface ManifestObject {
  readonly kind: string
  readonly json: Readonly<Record<string, unknown>>
  /** `FILE:LINE`. */
  readonly place: string
}

/** Aliases that a document may expand to; YAML bombs need thousands. */
const ALIAS_LIMIT = 1000

/** Splits YAML or JSON into objects, lists taken apart. What is no object is an error with its place, and the rest still counts. */
export function parseManifests(text: string, file: string): { objects: ManifestObject[]; errors: string[] } {
  const lines = new LineCounter()
  const objects: ManifestObject[] = []
  const errors: string[] = []
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' })
  if ('empty' in documents) return { objects, errors }
  for (const document of documents) {
    const [problem] = document.errors
    if (problem !== undefined) {
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
  return { objects, errors }
}

function readDocument(document: Document.Parsed, file: string, lines: LineCounter, objects: ManifestObject[], errors: string[]): void {
  const root = document.contents
  if (root === null || (document.toJS({ maxAliasCount: ALIAS_LIMIT }) ?? null) === null) return
  for (const { node, json } of items(root, document.toJS({ maxAliasCount: ALIAS_LIMIT }))) {
    const place = `${file}:${lines.linePos(node?.range?.[0] ?? 0).line}`
    try {
      objects.push({ ...readObject(json), place })
    } catch (error) {
      if (!(error instanceof ObjectError)) throw error
      errors.push(`${place}: ${error.message}; this object is left out`)
    }
  }
}

/** The object itself, or the items of a List. */
function items(root: Node, json: unknown): { node: Node | undefined; json: unknown }[] {
  const list = typeof json === 'object' && json !== null && String((json as { kind?: unknown }).kind).endsWith('List') ? (json as { items?: unknown }).items : undefined
  if (!Array.isArray(list)) return [{ node: root, json }]
  const sequence = isMap(root) ? root.get('items', true) : undefined
  return list.map((item: unknown, i) => ({ node: isSeq(sequence) ? sequence.items[i] as Node : root, json: item }))
}

function readObject(value: unknown): { kind: string; json: Readonly<Record<string, unknown>> } {
  const json = mapping(value, 'object')
  if (typeof json.kind !== 'string') throw new ObjectError('kind: a text is wanted; every manifest says apiVersion and kind')
  nameOf(json)
  namespaceOf(json)
  return { kind: json.kind, json }
}
