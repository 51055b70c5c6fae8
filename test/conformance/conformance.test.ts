import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { ApiStore } from './api-store.ts'
import { OUR_COMMAND } from './command.ts'
import { judgeKubernetesFile, kubernetesFiles } from './kubernetes.ts'
import { ManifestStore } from './object-store.ts'
import { inParallel } from './parallel.ts'
import { judgeServerCase, serverGroups, type Outcome } from './server.ts'
import { twice } from './twice.ts'

/** Programs at once: each case starts one. */
const JOBS = 3
const outcomes: Outcome[] = []

describe('recorded answers of CoreDNS 1.14.7', { concurrency: false }, () => {
  for (const [group, cases] of serverGroups()) {
    test(`server/${group}`, async () => {
      const mine: Outcome[] = []
      await inParallel(cases, JOBS, async (spec) => { mine.push(...await twice(async () => [await judgeServerCase(group, spec, OUR_COMMAND)])) })
      judge(mine)
    })
  }
  for (const file of kubernetesFiles()) {
    test(`kubernetes/${file} from manifests`, async () => judge(await twice(() => judgeKubernetesFile(file, OUR_COMMAND, (objects) => Promise.resolve(new ManifestStore(objects))))))
    test(`kubernetes/${file} from an API server's stand-in`, async () => judge(await twice(() => judgeKubernetesFile(file, OUR_COMMAND, ApiStore.standIn))))
  }
  after(() => {
    const count = (verdict: Outcome['verdict']) => outcomes.filter((outcome) => outcome.verdict === verdict).length
    process.stdout.write(`conformance: ${count('agrees')} cases agree, ${count('deviates')} deviate on purpose, ${count('differs')} differ, ${count('out of scope')} need directives that we do not have\n`)
  })
})

function judge(mine: readonly Outcome[]): void {
  outcomes.push(...mine)
  const differ = mine.filter((outcome) => outcome.verdict === 'differs')
  assert.equal(differ.length, 0, differ.map((outcome) => `${outcome.id}: ${outcome.problems.join('\n  ')}`).join('\n'))
}
