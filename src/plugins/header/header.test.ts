import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DONE } from '../../core/plugin.ts'
import { RCODE } from '../../wire/codes.ts'
import { scripted, testServer } from '../../../test/support/world.ts'
import { headerPlugin } from './index.ts'
import { FLAGS } from './options.ts'

test('later rules overrule earlier ones, for each flag', async () => {
  const rule = fc.record({ on: fc.boolean(), flag: fc.constantFrom(...FLAGS) })
  await fc.assert(fc.asyncProperty(fc.array(rule, { minLength: 1, maxLength: 6 }), async (rules) => {
    const lines = rules.map(({ on, flag }) => `response ${on ? 'set' : 'clear'} ${flag}`).join('\n')
    const answer = scripted((q) => {
      q.begin()
      return DONE
    })
    const server = await testServer(`. {\n header {\n${lines}\n }\n whoami\n}`, { plugins: [headerPlugin, answer] })
    const reply = await server.ask('a. A', { rd: false })
    for (const flag of FLAGS) assert.equal(reply![flag], rules.findLast((each) => each.flag === flag)?.on ?? false)
  }), { numRuns: 50 })
})

test('what later plugins see has the flags of the query rules, and a bare rcode has none of the response rules', async () => {
  let seen: boolean | undefined
  const answer = scripted((q) => {
    seen = q.request.rd
    q.fail(RCODE.SERVFAIL)
    return DONE
  })
  const server = await testServer('. {\n header {\n query set rd\n response set ra\n }\n whoami\n}', { plugins: [headerPlugin, answer] })
  const reply = await server.ask('a. A', { rd: false })
  assert.deepEqual([seen, reply!.ra], [true, false])
})
