import { test } from 'node:test'
import { fuzz } from './run.ts'
import { TARGETS } from './targets.ts'

/** Inputs a target; hack/fuzz.sh runs more. */
const INPUTS = 3000

for (const target of TARGETS) {
  test(`fuzz target ${target.name}: ${INPUTS} inputs`, () => {
    for (const seed of target.seeds) target.run(typeof seed === 'string' ? Buffer.from(seed) : seed)
    for (let number = 1; number <= INPUTS; number++) fuzz(target, number)
  })
}
