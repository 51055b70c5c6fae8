import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeAsked, mixedQuery } from '../../../test/support/query-mix.ts'
import { QuickQuestion } from '../../core/quick-question.ts'
import { decodeMessage } from '../../wire/decode.ts'
import { refusal, TOO_MUCH } from '../refusal.ts'
import { writeRefusal } from './refusal.ts'

test('a packet worker refuses with the octets of the main thread, letter case included', () => {
  const question = new QuickQuestion()
  const out = new Uint8Array(2048)
  let plain = 0
  fc.assert(fc.property(mixedQuery, fc.nat(0xffff), (asked, id) => {
    const packet = encodeAsked(asked, id)
    if (!question.read(packet, 0, packet.length)) return
    plain++
    const length = writeRefusal(question, out, 8)
    assert.deepEqual(Buffer.from(out.subarray(8, 8 + length)).toString('hex'), Buffer.from(refusal(decodeMessage(packet), TOO_MUCH)).toString('hex'))
  }), { numRuns: 500 })
  assert.ok(plain > 100)
})
