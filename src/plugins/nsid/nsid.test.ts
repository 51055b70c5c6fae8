import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DONE } from '../../core/plugin.ts'
import { EDNS } from '../../wire/edns.ts'
import { scripted, testServer } from '../../../test/support/world.ts'
import { nsidPlugin } from './index.ts'

const answered = scripted((q) => {
  q.begin()
  return DONE
})
const refused = scripted((q) => {
  q.fail(5)
  return DONE
})
const option = { code: EDNS.NSID, data: new Uint8Array() }

async function identity(directive: string, plugin = answered): Promise<string | undefined> {
  const server = await testServer(`. {\n ${directive}\n whoami\n}`, { plugins: [nsidPlugin, plugin] })
  const reply = await server.ask('a. A', { edns: { options: [option] } })
  const found = reply!.edns!.options.find(({ code }) => code === EDNS.NSID)
  return found === undefined ? undefined : Buffer.from(found.data).toString()
}

test('words are joined by a space, and without them it is the name of the host', async () => {
  assert.equal(await identity('nsid one   two'), 'one two')
  assert.equal(await identity('nsid'), 'test-host')
})

test('a reply that no stage wrote returns the option as it came', async () => {
  assert.equal(await identity('nsid x', refused), '')
})

test('who does not ask is not told', async () => {
  const server = await testServer('. {\n nsid x\n whoami\n}', { plugins: [nsidPlugin, answered] })
  assert.deepEqual((await server.ask('a. A', { edns: {} }))!.edns!.options, [])
  assert.equal((await server.ask('a. A'))!.edns, undefined)
})
