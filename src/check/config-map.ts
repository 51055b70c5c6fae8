import { isMap, isPair, isScalar, LineCounter, parseAllDocuments, type Document, type Pair, type Scalar, type YAMLMap } from 'yaml'
import type { Finding } from './finding.ts'
import { linesOf, type Source } from './source.ts'

/** Aliases that a document may expand to; ConfigMaps have none. */
const MAX_ALIASES = 100

/** What a file of manifests has to check. */
export interface ConfigMapFile {
  /** One per Corefile: keys that begin with `Corefile` or end in `.server`. */
  readonly sources: readonly Source[]
  /** Every other key of the ConfigMaps, for imports, which see it as a file in the same folder. */
  readonly others: ReadonlyMap<string, string>
  readonly errors: readonly Finding[]
}

export function looksLikeYaml(file: string, text: string): boolean {
  return /\.(ya?ml|json)$/.test(file) || /^kind:\s*ConfigMap\b/m.test(text)
}

/** The Corefiles in the ConfigMaps of a YAML file, each with positions that lead back into it. */
export function readConfigMaps(file: string, text: string): ConfigMapFile {
  const counter = new LineCounter()
  const lines = linesOf(text)
  const documents = parseAllDocuments(text, { lineCounter: counter })
  const sources: Source[] = []
  const others = new Map<string, string>()
  const errors: Finding[] = []
  for (const document of Array.isArray(documents) ? documents : []) {
    for (const error of document.errors) {
      const { line, col } = counter.linePos(error.pos[0])
      errors.push({ code: 'yaml', severity: 'error', file, line, column: col, text: lines[line - 1] ?? '', message: error.message.split('\n')[0]!, remedy: 'correct the YAML: kubectl would refuse it as well' })
    }
    if (document.errors.length > 0 || !isMap(document.contents)) continue
    const aliases = aliasProblem(document)
    if (aliases !== undefined) {
      const { line, col } = counter.linePos(document.contents.range?.[0] ?? 0)
      errors.push({ code: 'yaml', severity: 'error', file, line, column: col, text: lines[line - 1] ?? '', message: aliases, remedy: 'write the value itself instead of the alias' })
      continue
    }
    for (const data of configMapData(document.contents)) {
      for (const pair of data.items) {
        if (!isPair(pair) || !isScalar(pair.value) || typeof pair.value.value !== 'string') continue
        const key = String(isScalar(pair.key) ? pair.key.value : pair.key)
        if (/^Corefile|\.server$/.test(key)) sources.push(scalarSource(file, key, pair as Pair<unknown, Scalar<string>>, counter, lines, sources.length))
        else others.set(key, pair.value.value)
      }
    }
  }
  return { sources, others, errors }
}

/** Why aliases cannot be followed: one without its anchor, or so many that they would fill memory. */
function aliasProblem(document: Document.Parsed): string | undefined {
  try {
    document.toJS({ maxAliasCount: MAX_ALIASES })
    return undefined
  } catch (error) {
    if (error instanceof ReferenceError) return error.message
    throw error
  }
}

/** `data` of the ConfigMap, or of those in the List. */
function configMapData(map: YAMLMap): YAMLMap[] {
  const items = map.get('items')
  if (typeof items === 'object' && items !== null && 'items' in items) return (items.items as unknown[]).flatMap((item) => (isMap(item) ? configMapData(item) : []))
  const data = map.get('data')
  return map.get('kind') === 'ConfigMap' && isMap(data) ? [data] : []
}

function scalarSource(file: string, key: string, pair: Pair<unknown, Scalar<string>>, counter: LineCounter, lines: readonly string[], nth: number): Source {
  const scalar = pair.value!
  const start = counter.linePos(scalar.range![0])
  const text = scalar.value
  const name = nth === 0 ? `${file}#${key}` : `${file}#${key}#${nth + 1}`
  if (scalar.type !== 'BLOCK_LITERAL') {
    // Folded and quoted text has lines of its own: the place is where the value begins.
    const own = linesOf(text)
    return { name, text, locate: (line) => ({ file, line: start.line, column: start.col, text: own[line - 1] ?? '' }) }
  }
  const indent = indentOf(lines, start.line)
  return {
    name,
    text,
    locate: (line, column) => ({ file, line: start.line + line, column: column + indent, text: lines[start.line + line - 1] ?? '' }),
  }
}

/** Blanks before the block's first line that has text; `headerLine` is 1-based, so its index is the line after it. */
function indentOf(lines: readonly string[], headerLine: number): number {
  const explicit = /[|>][+-]?([1-9])/.exec(lines[headerLine - 1] ?? '')
  const own = /^ */.exec(lines[headerLine - 1] ?? '')![0].length
  if (explicit !== null) return own + Number(explicit[1])
  for (let i = headerLine; i < lines.length; i++) {
    const line = lines[i]!
    if (line.trim() !== '') return /^ */.exec(line)![0].length
  }
  return 0
}
