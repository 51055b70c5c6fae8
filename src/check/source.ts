/** A place in a file as its author sees it, with the line's text. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly text: string
}

/** The text of a Corefile, and where its lines really stand: in the file itself, or in a ConfigMap's YAML. */
export interface Source {
  /** The name that tokens carry. Distinct for every source of one check. */
  readonly name: string
  readonly text: string
  /** `line` and `column` are 1-based in `text`. */
  locate(line: number, column: number): Position
}

export function plainSource(name: string, text: string): Source {
  const lines = linesOf(text)
  return { name, text, locate: (line, column) => ({ file: name, line, column, text: lines[line - 1] ?? '' }) }
}

/**
 * The same source with its text changed line by line, as a template's variables are: columns are found again by what the two
 * lines have in common at their ends, and are those of the first change where that does not say it.
 */
export function rewrittenSource(source: Source, rewrite: (text: string) => string): Source {
  const text = rewrite(source.text)
  const before = linesOf(source.text)
  const after = linesOf(text)
  return {
    name: source.name,
    text,
    locate: (line, column) => source.locate(line, columnBefore(before[line - 1] ?? '', after[line - 1] ?? '', column)),
  }
}

function columnBefore(before: string, after: string, column: number): number {
  let same = 0
  while (same < before.length && before[same] === after[same]) same++
  if (column <= same + 1) return column
  const fromEnd = after.length - column
  const tail = after.slice(column - 1)
  return before.endsWith(tail) ? before.length - fromEnd : same + 1
}

export function linesOf(text: string): string[] {
  return text.replaceAll('\r', '').split('\n')
}
