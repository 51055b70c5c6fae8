import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalOption, EDNS } from './edns.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

test('option data is read and written again as miekg/dns does', () => {
  for (const [code, before, after] of [
    [EDNS.SUBNET, '0001180a000102', '0001180a000102'], [EDNS.SUBNET, '0001180a0001', '0001180a000100'], [EDNS.SUBNET, '0001140a01ff33', '0001140a01ff30'], [EDNS.SUBNET, '000118000a000102ff', '000118000a0001'],
    [EDNS.SUBNET, '00010000ff', '00010000'], [EDNS.SUBNET, '00000000', '00000000'], [EDNS.SUBNET, '0002400020010db8', '0002400020010db800000000'], [EDNS.SUBNET, '00000100', undefined], [EDNS.SUBNET, '00012100', undefined],
    [EDNS.SUBNET, '0002810020', undefined], [EDNS.SUBNET, '00030000', undefined], [EDNS.SUBNET, '000118', undefined],
    [EDNS.TCP_KEEPALIVE, '', ''], [EDNS.TCP_KEEPALIVE, '0064', '0064'], [EDNS.TCP_KEEPALIVE, '0000', ''], [EDNS.TCP_KEEPALIVE, '64', undefined],
    [EDNS.EXPIRE, '', ''], [EDNS.EXPIRE, '00000001', '00000001'], [EDNS.EXPIRE, '0000000102', '00000001'], [EDNS.EXPIRE, '000001', undefined],
    [EDNS.LLQ, '00'.repeat(18), '00'.repeat(18)], [EDNS.LLQ, '01'.repeat(20), '01'.repeat(18)], [EDNS.LLQ, '00'.repeat(17), undefined],
    [EDNS.UPDATE_LEASE, '00000001', '00000001'], [EDNS.UPDATE_LEASE, '0000000100000000', '00000001'], [EDNS.UPDATE_LEASE, '0000000100000002', '0000000100000002'], [EDNS.UPDATE_LEASE, '0000', undefined],
    [EDNS.EDE, '000f61', '000f61'], [EDNS.EDE, '00', undefined], [EDNS.ZONE_VERSION, '0100', '0100'], [EDNS.ZONE_VERSION, '01', undefined],
    [EDNS.REPORTING, '016100', '016100'], [EDNS.REPORTING, '016100ff', '016100'], [EDNS.REPORTING, '0161', undefined], [EDNS.REPORTING, 'c000', undefined],
    [EDNS.COOKIE, '01', '01'], [EDNS.NSID, '', ''], [65_001, 'ffff', 'ffff'],
  ] as const) {
    const got = canonicalOption(code, hex(before))
    assert.equal(got === undefined ? undefined : Buffer.from(got).toString('hex'), after, `option ${code}: ${before}`)
  }
})

test('what is canonical stays the same object', () => {
  fc.assert(fc.property(fc.constantFrom(...Object.values(EDNS), 65_001), fc.uint8Array({ maxLength: 24 }), (code, data) => {
    const once = canonicalOption(code, data)
    if (once !== undefined) assert.equal(canonicalOption(code, once), once)
  }), { numRuns: 5000 })
})
