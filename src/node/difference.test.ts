import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tableIsRight } from './difference.ts'
import { ruleTable } from './rule-table.ts'

const US = Uint8Array.of(169, 254, 20, 10)
const VIP6 = Uint8Array.of(0xfd, ...Array.from({ length: 14 }, () => 0), 10)
const TABLE = ruleTable('hearth-1', { addresses: [US, VIP6], port: 53, healthPort: 8080, mark: 0x3001, probePorts: [40_000] }, true)

test('both directions, both protocols, both families are exempt', () => {
  assert.deepEqual(TABLE.chains.map((chain) => [chain.hook, chain.priority, chain.rules.length]), [['prerouting', -300, 4], ['output', -300, 16]])
  const comments = TABLE.chains.flatMap((chain) => chain.rules.map((rule) => `${chain.hook}: ${rule.comment.replace('hearth-node: skip conntrack, ', '')}`))
  for (const wanted of ['prerouting: udp to 169.254.20.10 port 53', 'output: tcp from fd00::a port 53', 'output: tcp to 169.254.20.10 port 8080', 'output: tcp from 169.254.20.10 port 8080']) assert.ok(comments.includes(wanted), wanted)
  assert.ok(TABLE.chains.flatMap((chain) => chain.rules).every((rule) => rule.comment.length <= 126))
})

test('the table is right only as a whole and in order', () => {
  const found = TABLE.chains.flatMap((chain) => chain.rules.map((rule) => ({ chain: chain.name, comment: rule.comment })))
  assert.ok(tableIsRight(TABLE, found))
  assert.ok(!tableIsRight(TABLE, found.slice(1)))
  assert.ok(!tableIsRight(TABLE, [...found, { chain: 'output', comment: 'of somebody else' }]))
  assert.ok(!tableIsRight(TABLE, [...found, { chain: 'other', comment: '' }]))
  assert.ok(!tableIsRight(TABLE, [found[1]!, found[0]!, ...found.slice(2)]))
})
