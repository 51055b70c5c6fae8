/**
 * Replays the recorded answers of CoreDNS against a program and prints how many agree; see hack/conformance.sh.
 *   node test/conformance/run.ts [--server "COMMAND {conf} {port}"] [--only TEXT] [--jobs N] [--apiserver BINARY]
 */
import { parseArgs } from 'node:util'
import { ApiStore } from './api-store.ts'
import { OUR_COMMAND } from './command.ts'
import { judgeKubernetesFile, kubernetesFiles, type OpenStore } from './kubernetes.ts'
import { ManifestStore } from './object-store.ts'
import { inParallel } from './parallel.ts'
import { judgeServerCase, serverGroups, type Outcome } from './server.ts'
import { twice } from './twice.ts'

const { values } = parseArgs({ options: { server: { type: 'string', default: OUR_COMMAND }, only: { type: 'string', default: '' }, jobs: { type: 'string', default: '3' }, apiserver: { type: 'string', default: '' } } })
const stores: readonly (readonly [string, OpenStore])[] = values.apiserver === ''
  ? [['manifests', (objects) => Promise.resolve(new ManifestStore(objects))], ['stand-in', ApiStore.standIn]]
  : [['API server', (objects) => ApiStore.real(values.apiserver, objects)]]

let status = 0
let judged = 0
const servers: Outcome[] = []
const cases = [...serverGroups()].flatMap(([group, specs]) => specs.map((spec) => ({ group, spec }))).filter(({ group, spec }) => `${group}/${spec.name}`.includes(values.only))
if (values.apiserver === '') {
  await inParallel(cases, Number(values.jobs), async ({ group, spec }) => { servers.push(...await twice(async () => [await judgeServerCase(group, spec, values.server)])) })
  report('server', servers)
}
for (const [name, open] of stores) {
  const outcomes: Outcome[] = []
  // A bare API server has no custom resources; those cases are for the stand-in.
  const files = kubernetesFiles().filter((file) => file.includes(values.only) && !(name === 'API server' && file.includes('multicluster')))
  await inParallel(files, Number(values.jobs), async (file) => { outcomes.push(...await twice(() => judgeKubernetesFile(file, values.server, open))) })
  report(`kubernetes from ${name}`, outcomes)
}
if (judged === 0) {
  process.stderr.write(`no group, case or file has "${values.only}" in its name\n`)
  status = 1
}
process.exit(status)

function report(title: string, outcomes: readonly Outcome[]): void {
  judged += outcomes.length
  if (outcomes.length === 0) return
  for (const { id, verdict, problems } of outcomes) for (const problem of verdict === 'differs' ? problems : []) process.stdout.write(`${id} ${problem}\n`)
  const count = (verdict: Outcome['verdict']) => outcomes.filter((outcome) => outcome.verdict === verdict).length
  process.stdout.write(`${title}: ${count('agrees')} agree, ${count('deviates')} deviate on purpose, ${count('differs')} differ, ${count('out of scope')} need directives that we do not have\n`)
  if (count('differs') > 0) status = 1
}
