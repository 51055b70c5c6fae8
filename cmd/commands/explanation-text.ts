import type { Explanation } from '../../src/admin/explanation.ts'
import type { Attempt, TraceLog, TraceStep } from '../../src/core/trace.ts'

const SAYS: Readonly<Record<TraceStep['verdict'], string>> = {
  next: 'passes on', done: 'answers', drop: 'drops it', failed: 'fails', waits: 'has not answered yet', 'up only': 'on the way back',
}

export function formatExplanations(explanations: readonly Explanation[]): string {
  if (explanations.length === 1) return formatExplanation(explanations[0]!)
  return explanations.map((each, i) => `── ${i + 1}. ${each.question} ${'─'.repeat(Math.max(2, 60 - each.question.length))}\n${formatExplanation(each)}`).join('\n') + searchSummary(explanations)
}

function formatExplanation(explanation: Explanation): string {
  const { question, client, protocol, server, block } = explanation
  const taken = block === '' ? 'no block has the name' : `block ${block}`
  return `${question} from ${client} over ${protocol} at ${server}: ${taken}\n${steps(explanation, '  ')}${outcome(explanation)}`
}

function steps({ steps: all }: TraceLog, indent: string): string {
  const width = Math.max(0, ...all.map((step) => step.stage.length))
  return all.map((step) => formatStep(step, indent, width)).join('')
}

function formatStep(step: TraceStep, indent: string, width: number): string {
  const lines = [
    ...Object.entries(step.facts).map(([key, value]) => `${key}: ${typeof value === 'object' ? value.join(', ') : String(value)}`),
    ...step.attempts.map(attempt),
    ...step.changed.map((text) => `request ${text}`),
    ...step.changedReply.map((text) => `reply ${text}`),
    ...step.learned.map((text) => `then ${text}`),
  ]
  const inner = `${indent}${' '.repeat(width + 2)}`
  const asked = step.asked.map((log) => `${inner}asks ${log.question}${log.block === '' ? ' of the stages below' : ` of block ${log.block}`}\n${steps(log, `${inner}  `)}`)
  return `${indent}${step.stage.padEnd(width)}  ${SAYS[step.verdict]}, ${ms(step.tookMs)}\n${lines.map((line) => `${inner}${line}\n`).join('')}${asked.join('')}`
}

function attempt({ to, protocol, outcome: came, tookMs }: Attempt): string {
  return `asked ${to} over ${protocol}: ${came}, ${ms(tookMs)}`
}

function outcome({ dropped, rcode, flags, answeredBy, tookMs, sizeBytes, error, answers, authorities, additionals }: Explanation): string {
  if (dropped) return `no reply: ${answeredBy} dropped the query\n`
  const by = answeredBy === '' ? '' : ` by ${answeredBy}`
  const records = [...answers, ...section('authority', authorities), ...section('additional', additionals)]
  return `→ ${rcode} ${flags.join(' ')}${by} in ${ms(tookMs)}, ${sizeBytes} octets\n${error === '' ? '' : `  error: ${error}\n`}${records.map((record) => `  ${record.replaceAll('\t', ' ')}\n`).join('')}`
}

function section(name: string, records: readonly string[]): string[] {
  return records.length === 0 ? [] : [`;; ${name}`, ...records]
}

/** What the search list costs: every name before the right one is asked twice, for A and AAAA. */
function searchSummary(explanations: readonly Explanation[]): string {
  const last = explanations.at(-1)!
  const vain = explanations.length - 1
  const found = last.rcode === 'NOERROR' && last.answers.length > 0
  const dots = (explanations.at(-1)!.question.split(' ')[0]!.match(/\./g)?.length ?? 1) - 1
  if (!found) return `\nnone of ${explanations.length} names has such a record\n`
  if (vain === 0) return '\nfound at the first name\n'
  return `\nfound at name ${explanations.length}: ${vain} in vain before it, and as many again for AAAA; ${last.question.split(' ')[0]} with its final dot is asked once${dots >= 1 && dots < 5 ? `, and so is it with "ndots:${dots}"` : ''}\n`
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`
}
