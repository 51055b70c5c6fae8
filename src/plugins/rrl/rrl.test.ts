import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { scripted, testServer, type AskOptions } from '../../../test/support/world.ts'
import { describeFastPath } from '../../server/fast-path.ts'
import { parseRecord } from '../../wire/record.ts'
import { cachePlugin } from '../cache/index.ts'
import { Accounts } from './accounts.ts'
import { rrlPlugin } from './index.ts'

const SOA = 'example.org. 60 IN SOA ns.example.org. root.example.org. 1 2 3 4 60'

/** Says what the first label of the name asks for. */
const source = scripted((q) => {
  const what = q.question.name.split(/[.-]/)[0]
  if (what === 'fails') q.fail(2)
  else if (what === 'none') q.begin(3).authorities = [parseRecord(SOA)]
  else if (what === 'empty') q.begin(0).authorities = [parseRecord(SOA)]
  else if (what === 'elsewhere') q.begin(0).authorities = [parseRecord('example.org. 60 IN NS ns.example.org.')]
  else q.begin(0).answers = [parseRecord(`${q.question.name} 60 IN A 192.0.2.1`)]
  return 1
})

async function ask(options: string, questions: readonly (readonly [string, AskOptions?])[]): Promise<string[]> {
  const server = await testServer(`. {\nrrl {\n${options}\n}\nwhoami\n}`, { plugins: [rrlPlugin, source] })
  const outcomes: string[] = []
  for (const [question, asked] of questions) {
    const reply = await server.ask(question, asked)
    outcomes.push(reply === undefined ? 'nothing' : reply.tc && reply.answers.length + reply.authorities.length === 0 ? 'truncated' : 'whole')
  }
  await server.stop()
  return outcomes
}

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))

describe('rrl', () => {
  test('each kind of reply has its number', async () => {
    const options = 'slip-ratio 0\nresponses-per-second 4\nnodata-per-second 3\nnxdomains-per-second 2\nreferrals-per-second 1\nerrors-per-second 0'
    for (const [name, allowed] of [['www', 4], ['empty', 3], ['none', 2], ['elsewhere', 1], ['fails', 8]] as const) {
      const outcomes = await ask(options, times(8, () => [`${name}.example.org. A`]))
      assert.equal(outcomes.filter((outcome) => outcome === 'whole').length, allowed, name)
    }
  })

  test('answers are counted by name and type, names that do not exist by zone', async () => {
    const options = 'slip-ratio 0\nresponses-per-second 1'
    assert.deepEqual(await ask(options, times(5, (i) => [`www-${i}.example.org. A`])), times(5, () => 'whole'))
    assert.deepEqual(await ask(options, [['www.example.org. A'], ['WWW.example.org. A'], ['www.example.org. AAAA']]), ['whole', 'nothing', 'whole'])
    assert.deepEqual(await ask(options, times(3, (i) => [`none-${i}.example.org. A`])), ['whole', 'nothing', 'nothing'])
  })

  test('clients of one prefix are one, of others others', async () => {
    const from = (client: string): readonly [string, AskOptions] => ['www.example.org. A', { client }]
    const options = 'slip-ratio 0\nresponses-per-second 1\nipv4-prefix-length 20\nipv6-prefix-length 61'
    assert.deepEqual(await ask(options, ['10.0.15.1', '10.0.0.9', '10.0.16.1', '2001:db8:0:7::1', '2001:db8:0:4::2', '2001:db8:0:8::1'].map(from)), ['whole', 'nothing', 'whole', 'whole', 'nothing', 'whole'])
  })

  test('one of so many is truncated, and TCP knows no limit', async () => {
    assert.deepEqual(await ask('responses-per-second 1\nslip-ratio 3', times(7, () => ['www.example.org. A'])), ['whole', 'nothing', 'nothing', 'truncated', 'nothing', 'nothing', 'truncated'])
    assert.deepEqual(await ask('responses-per-second 1', times(5, () => ['www.example.org. A', { protocol: 'tcp' }])), times(5, () => 'whole'))
  })

  test('what the cache answers counts: packet workers leave its block alone', async () => {
    const server = await testServer('. {\nrrl {\nresponses-per-second 2\nslip-ratio 0\n}\ncache\nwhoami\n}', { plugins: [rrlPlugin, cachePlugin, source] })
    const replies = []
    for (let i = 0; i < 4; i++) replies.push(await server.ask('www.example.org. A'))
    assert.equal(replies.filter((reply) => reply !== undefined).length, 2)
    assert.equal(describeFastPath(server.generation.blocks[0]!), 'not served by the packet cache: rrl must see every query')
    await server.stop()
  })
})

describe('accounts', () => {
  let turn = 1
  const random = () => (turn = (turn * 48_271) % 2_147_483_647)

  test('a balance never leaves its bounds, and who is quiet for a window is let in again', () => {
    fc.assert(fc.property(fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), waitMs: fc.nat(3000) }), { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 10 }), (charges, perSecond, window) => {
      const accounts = new Accounts(64, window, random)
      let nowMs = 0
      for (const { key, waitMs } of charges) {
        nowMs += waitMs
        const balance = accounts.charge(key, perSecond, nowMs)
        assert.ok(balance <= perSecond - 1 && balance >= -window * perSecond, `${balance}`)
      }
      assert.ok(accounts.charge('a', perSecond, nowMs + window * 1000 + 1000) >= 0)
    }))
  })

  test('the table does not grow: others make the oldest forgotten, and those in use stay', () => {
    const accounts = new Accounts(64, 15, random)
    for (let i = 0; i < 10; i++) accounts.charge('busy', 2, i)
    for (let i = 0; i < 10_000; i++) {
      accounts.charge(`other ${i}`, 2, 1000 + i / 1000)
      if (i % 4 === 0) assert.ok(accounts.charge('busy', 2, 1000 + i / 1000) < 0 || i < 8)
    }
  })
})
