import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { attribute, bigUint64Attribute, nested, textAttribute } from './attributes.ts'
import { deleteRule, list, MSG, newElements, readChain, readElements, readGeneration, readRule, readTableName, tableContents, transaction } from './nft-messages.ts'
import { FLAG } from './socket.ts'

const TABLE = { family: 'inet', name: 't', sets: [{ name: 'lease4', keyBytes: 4, timeoutMs: 2000, keys: [Uint8Array.of(10, 0, 0, 1)] }], chains: [] } as const

test('a set whose elements have a timeout and are added by rules', () => {
  // nft --debug=mnl add set inet t lease4 '{ type ipv4_addr; size 64; flags dynamic,timeout; timeout 2s; }' (without nft's own data about types)
  assert.equal(tableContents(TABLE)[0]!.body.subarray(4).length > 0 && Buffer.from(tableContents(TABLE)[0]!.body).toString('hex'),
    '0100000006000100740000000b00020' + '06c6561736534000008000300000000300800040000000007080005000000000408000a00000000010c00098008000100000000400c000b0000000000000007d0')
})

test('a transaction has a begin and an end, and each message in it is acknowledged', () => {
  const messages = transaction(tableContents(TABLE))
  assert.deepEqual(messages.map(({ type }) => type), [0x10, (10 << 8) | MSG.NEWSET, (10 << 8) | MSG.NEWSETELEM, 0x11])
  assert.deepEqual(messages.map(({ flags }) => flags & FLAG.ACK), [0, FLAG.ACK, FLAG.ACK, 0])
  assert.equal(Buffer.from(messages[0]!.body).toString('hex'), '0000000a')
})

test('elements are read as they were written', () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ minLength: 4, maxLength: 16 }), { maxLength: 20 }), (keys) => {
    assert.deepEqual(readElements(newElements('inet', 't', 's', keys)).map(({ key }) => [...key]), keys.map((key) => [...key]))
  }))
})

test('a rule has a place, a handle, a comment and its expressions', () => {
  const body = Buffer.concat([Buffer.alloc(4), textAttribute(1, 'raw'), textAttribute(2, 'OUTPUT'), bigUint64Attribute(3, 7n), nested(4, textAttribute(1, 'x')), attribute(7, Buffer.from('\x01\x01z\x00\x03hi\0', 'latin1'))])
  const rule = readRule({ type: 0, flags: 0, body })
  assert.deepEqual([rule.table, rule.chain, rule.handle, rule.comment], ['raw', 'OUTPUT', 7n, 'hi'])
  assert.ok(rule.expressions.length > 0)
  assert.equal(deleteRule('ip', 'raw', 'OUTPUT', rule.handle).body.length, 4 + 8 + 12 + 12)
})

test('a comment that is too long is refused', () => {
  const rule = { comment: 'x'.repeat(127), expressions: [] }
  assert.throws(() => tableContents({ ...TABLE, chains: [{ name: 'c', type: 'filter', hook: 'output', priority: 0, rules: [rule] }] }), RangeError)
})

test('whatever the kernel sends is read without throwing', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    const message = { type: 0, flags: 0, body: Buffer.from(bytes) }
    readRule(message)
    readTableName(message)
    readElements(message)
    readChain(message)
    readGeneration(message)
  }))
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 16 }), fc.uint8Array({ maxLength: 12 })), { maxLength: 8 }), (list) => {
    const message = { type: 0, flags: 0, body: Buffer.concat([Buffer.alloc(4), ...list.map(([type, value]) => attribute(type, value))]) }
    for (const read of [readRule, readTableName, readElements, readChain, readGeneration]) read(message)
  }))
  assert.equal(readGeneration({ type: 0, flags: 0, body: Buffer.alloc(4) }), 0)
  assert.equal(readChain({ type: 0, flags: 0, body: Buffer.alloc(4) }).policy, undefined)
  assert.equal(list(MSG.GETRULE, 'ip', 'raw', 'OUTPUT').flags, FLAG.DUMP)
})
