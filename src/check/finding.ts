import type { ErrorCode } from '../corefile/error.ts'

export type Severity = 'error' | 'warning'

/** Something to correct, or to think about. Positions are those of the file as its author sees it. */
export interface Finding {
  /** Stable: scripts may look for it. Warnings have the code of their rule. */
  readonly code: ErrorCode | 'yaml' | (string & {})
  readonly severity: Severity
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based, in characters. */
  readonly column: number
  /** The line itself. */
  readonly text: string
  readonly message: string
  /** What to do. */
  readonly remedy: string
}

/** In the order of files and lines, errors before warnings of the same place. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.severity, b.severity))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
