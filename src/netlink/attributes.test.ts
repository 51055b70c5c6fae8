import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { attribute, findAttribute, nested, readAttributes, readText, textAttribute, uint32Attribute } from './attributes.ts'

test('as the kernel wants them: length without padding, little-endian, padded to four octets', () => {
  assert.equal(textAttribute(1, 'hearth').toString('hex'), '0b0001006865617274680000')
  assert.equal(uint32Attribute(2, 0x01020304).toString('hex'), '0800020004030201')
  assert.equal(nested(4, attribute(1, Uint8Array.of(9))).toString('hex'), '0c0004800500010009000000')
})

test('what is written is read', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 0x3fff }), fc.uint8Array({ maxLength: 40 })), { maxLength: 8 }), (list) => {
    const read = readAttributes(Buffer.concat(list.map(([type, value]) => attribute(type, value))))
    assert.deepEqual(read.map(({ type, value }) => [type, Uint8Array.from(value)]), list)
  }))
})

test('cut or lying lengths end the list', () => {
  assert.deepEqual(readAttributes(Buffer.of(3, 0, 1, 0)), [])
  assert.deepEqual(readAttributes(Buffer.of(200, 0, 1, 0, 1)), [])
  assert.equal(readText(findAttribute(readAttributes(textAttribute(3, 'lo')), 3)), 'lo')
  assert.equal(findAttribute([], 1), undefined)
})
