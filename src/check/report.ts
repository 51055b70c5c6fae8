import type { Finding } from './finding.ts'

export const REPORT_FORMATS = ['text', 'json', 'github'] as const
export type ReportFormat = (typeof REPORT_FORMATS)[number]

/** What `check` prints. `files`: how many texts were looked at. Ends with a line end. */
export function formatReport(findings: readonly Finding[], files: readonly string[], format: ReportFormat): string {
  return WRITERS[format](findings, files)
}

const WRITERS: Readonly<Record<ReportFormat, (findings: readonly Finding[], files: readonly string[]) => string>> = {
  text: (findings, files) => `${findings.map(formatText).join('')}${summary(findings, files)}\n`,
  json: (findings, files) => `${JSON.stringify({ files, errors: count(findings, 'error'), warnings: count(findings, 'warning'), findings }, undefined, 2)}\n`,
  // https://docs.github.com/actions/reference/workflow-commands-for-github-actions
  github: (findings) => findings.map((finding) =>
    `::${finding.severity} file=${property(finding.file)},line=${finding.line},col=${finding.column},title=${property(finding.code)}::${data(`${finding.message}; ${finding.remedy}`)}\n`).join(''),
}

/**
 *     Corefile:3:9: error: cache: unknown property 'sucess' [unknown-property]
 *         3 |         sucess 9984
 *           |         ^~~~~~
 *           fix: did you mean "success"?
 */
function formatText({ file, line, column, severity, message, code, text, remedy }: Finding): string {
  const number = String(line).padStart(5)
  const margin = ' '.repeat(number.length)
  const word = /^\S*/.exec(text.slice(column - 1))![0].length
  // Tabs stay tabs, so that the caret stands under the word however wide they are shown.
  const indent = text.slice(0, column - 1).replaceAll(/[^\t]/g, ' ')
  return `${file}:${line}:${column}: ${severity}: ${message} [${code}]\n`
    + `${number} | ${text}\n${margin} | ${indent}^${'~'.repeat(Math.max(0, word - 1))}\n${margin}   fix: ${remedy}\n\n`
}

function summary(findings: readonly Finding[], files: readonly string[]): string {
  const where = files.length === 1 ? files[0]! : `${files.length} files`
  return `${where}: ${plural(count(findings, 'error'), 'error')}, ${plural(count(findings, 'warning'), 'warning')}`
}

function count(findings: readonly Finding[], severity: Finding['severity']): number {
  return findings.filter((finding) => finding.severity === severity).length
}

function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
