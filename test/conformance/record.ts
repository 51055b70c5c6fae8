/**
 * Fills in what a program does in the steps of a recording that say nothing yet, and writes the file back:
 *   node test/conformance/record.ts --server "COMMAND -conf {conf} -dns.port {port}" FILE.json
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Comparable } from './reply.ts'
import { ServerCasePlayer, type ServerCase } from './server-case.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { server: { type: 'string' } } })
if (values.server === undefined || positionals.length === 0) throw new Error('usage: record.ts --server "COMMAND -conf {conf} -dns.port {port}" FILE.json…')

for (const file of positionals) {
  const { group, cases } = JSON.parse(readFileSync(file, 'utf8')) as { group: string; cases: ServerCase[] }
  for (const spec of cases) {
    if (spec.steps.every((step) => step.expect !== undefined)) continue
    const gots = await new ServerCasePlayer(spec, values.server).record()
    spec.steps.forEach((step, i) => {
      if (gots[i] !== undefined) step.expect ??= gots[i]
    })
  }
  writeFileSync(file, formatRecording(group, cases))
}

/** One line a step, as the recordings have it. */
function formatRecording(group: string, cases: readonly ServerCase[]): string {
  const fields = (spec: ServerCase) => Object.entries(spec).map(([name, value]) => `  ${JSON.stringify(name)}: ${name === 'steps' ? `[\n${(value as Comparable[]).map((step) => `    ${spaced(step)}`).join(',\n')}\n  ]` : spaced(value)}`)
  return `{"group": ${JSON.stringify(group)}, "cases": [\n${cases.map((spec) => ` {\n${fields(spec).join(',\n')}\n }`).join(',\n')}\n]}\n`
}

/** JSON on one line with a space behind colons and commas. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`
  if (typeof value === 'object' && value !== null) return `{${Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${spaced(inner)}`).join(', ')}}`
  return JSON.stringify(value)
}
