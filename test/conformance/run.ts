/**
 * Replays the recorded answers of CoreDNS against a program and prints how many agree:
 *   node test/conformance/run.ts [--server "COMMAND {conf} {port}"] [--only TEXT] [--jobs N] [--kubernetes] [--apiserver BINARY]
 */
import { parseArgs } from 'node:util'
import { judgeServerCase, serverGroups, type Outcome } from './server.ts'
import { OUR_COMMAND } from './command.ts'
import { inParallel } from './parallel.ts'

const { values } = parseArgs({ options: { server: { type: 'string', default: OUR_COMMAND }, only: { type: 'string', default: '' }, jobs: { type: 'string', default: '3' } } })

const work = [...serverGroups()].flatMap(([group, cases]) => cases.map((spec) => ({ group, spec }))).filter(({ group, spec }) => `${group}/${spec.name}`.includes(values.only))
const outcomes: Outcome[] = []
await inParallel(work, Number(values.jobs), async ({ group, spec }) => {
  const outcome = await judgeServerCase(group, spec, values.server)
  outcomes.push(outcome)
  for (const problem of outcome.verdict === 'differs' ? outcome.problems : []) process.stdout.write(`${outcome.id} ${problem}\n`)
})
const count = (verdict: Outcome['verdict']) => outcomes.filter((outcome) => outcome.verdict === verdict).length
process.stdout.write(`${count('agrees')} agree, ${count('deviates')} deviate on purpose, ${count('differs')} differ, ${count('out of scope')} out of scope (${outcomes.length} cases)\n`)
process.exit(count('differs') === 0 ? 0 : 1)
