import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { rcodeName } from '../../wire/codes.ts'
import { scripted, testServer } from '../../../test/support/world.ts'
import { DONE } from '../../core/plugin.ts'
import { aclPlugin } from './index.ts'

const answered = scripted((q) => {
  q.begin()
  return DONE
})

async function outcomes(policies: string, questions: readonly (readonly [string, string])[]): Promise<string[]> {
  const server = await testServer(`. {\n acl {\n${policies}\n }\n whoami\n}`, { plugins: [aclPlugin, answered] })
  return Promise.all(questions.map(async ([question, client]) => {
    const reply = await server.ask(question, { client })
    return reply === undefined ? 'dropped' : reply.edns === undefined ? 'allowed' : rcodeName(reply.rcode)
  }))
}

test('a star anywhere in a section stands for everything, and sections may come again', async () => {
  assert.deepEqual(await outcomes('block type A type TXT net 192.0.2.1 net *', [['a. A', '10.0.0.1'], ['a. TXT', '2001:db8::1'], ['a. MX', '10.0.0.1']]), ['REFUSED', 'REFUSED', 'allowed'])
})

test('the first policy that fits decides', async () => {
  assert.deepEqual(
    await outcomes('allow type A net 10.0.0.0/8\nfilter net 10.0.0.0/8\ndrop type ANY\nblock net 2001:db8::/33', [['a. A', '10.9.9.9'], ['a. MX', '10.9.9.9'], ['a. ANY', '192.0.2.1'], ['a. A', '2001:db8:7fff::1'], ['a. A', '2001:db8:8000::1']]),
    ['allowed', 'NOERROR', 'dropped', 'REFUSED', 'allowed'],
  )
})

test('a client without an address is blocked and logged', async () => {
  const server = await testServer('. {\n acl {\n  allow\n }\n whoami\n}', { plugins: [aclPlugin, answered] })
  assert.equal(rcodeName((await server.ask('a. A', { client: 'nowhere' }))!.rcode), 'REFUSED')
  assert.deepEqual(server.log.lines, ['[ERROR] plugin/acl: Blocking request. Unable to parse source address: nowhere'])
})

test('no words crash it: either it starts, or the error names a place', async () => {
  const word = fc.constantFrom('allow', 'Block', 'type', 'NET', 'A', '*', 'a', '10.0.0.0/8', '::/0', '1.2.3.4/33', 'x')
  await fc.assert(fc.asyncProperty(fc.array(fc.array(word, { minLength: 1, maxLength: 6 }), { maxLength: 4 }), async (policies) => {
    const text = policies.map((words) => words.join(' ')).join('\n')
    try {
      await outcomes(text, [])
    } catch (error) {
      assert.match(String(error), /Corefile:\d+:\d+: acl: /)
    }
  }), { numRuns: 200 })
})
