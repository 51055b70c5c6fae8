import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TYPE } from './codes.ts'
import { canonicalRdata } from './rdata-check.ts'
import { WireError } from './wire-error.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

/** The rdata as it is passed on; `refused` when the message is malformed. */
function canonical(type: number, text: string): string {
  try {
    return Buffer.from(canonicalRdata(type, hex(text), 0)).toString('hex')
  } catch (error) {
    assert.ok(error instanceof WireError, String(error))
    return 'refused'
  }
}

test('whole rdata stays, octets behind it and cut fields are refused', () => {
  for (const [type, text, expected] of [
    [TYPE.A, '01020304', '01020304'], [TYPE.A, '010203', 'refused'], [TYPE.A, '0102030405', 'refused'], [TYPE.AAAA, '00'.repeat(16), '00'.repeat(16)], [TYPE.A, '', ''],
    [TYPE.CNAME, '016100', '016100'], [TYPE.CNAME, '01610000', 'refused'], [TYPE.CNAME, '0161', 'refused'], [TYPE.MX, '000a016100', '000a016100'], [TYPE.MX, '00', 'refused'],
    [TYPE.TXT, '0161026263', '0161026263'], [TYPE.TXT, '02', 'refused'], [TYPE.HINFO, '01610162', '01610162'], [TYPE.HINFO, '016101620163', 'refused'],
    [TYPE.ANY, '00', 'refused'], [TYPE.NULL, 'ffff', 'ffff'], [65_280, 'ffff', 'ffff'], [TYPE.EUI48, '010203040506', '010203040506'], [TYPE.EUI48, '0102030405', 'refused'],
    [TYPE.TSIG, '616263', 'refused'], [TYPE.TSIG, '016100000000000001012c0001ff00010000000002aabb', 'refused'], [TYPE.TSIG, '016100000000000001012c0001ff000100000002aabb', '016100000000000001012c0001ff000100000002aabb'],
  ] as const) assert.equal(canonical(type, text), expected, `type ${type}: ${text}`)
})

test('rdata that ends between two fields gets empty ones for the rest', () => {
  for (const [type, text, expected] of [
    [TYPE.MX, '000a', '000a00'], [TYPE.SRV, '01020304', '01020304000000'], [TYPE.SOA, '0161000162000000000100000002', '0161000162000000000100000002000000000000000000000000'],
    [TYPE.NAPTR, '000a01610000', '000a0161000000' + '00'], [TYPE.NSEC3, '01020304', '010203040000'], [TYPE.TKEY, '016100', '016100' + '00'.repeat(16)], [TYPE.CAA, '00', '0000'],
  ] as const) assert.equal(canonical(type, text), expected, `type ${type}: ${text}`)
})

test('type bitmaps and service parameters are in order and whole', () => {
  for (const [type, text, expected] of [
    [TYPE.NSEC, '0001600', 'refused'], [TYPE.NSEC, '00000160', '00000160'], [TYPE.NSEC, '0000016000', 'refused'], [TYPE.NSEC, '00000100000100', 'refused'], [TYPE.NSEC, '000000', 'refused'], [TYPE.NSEC, '000021' + '00'.repeat(33), 'refused'],
    [TYPE.SVCB, '000100', '000100'], [TYPE.SVCB, '0001000003000201bb', '0001000003000201bb'], [TYPE.SVCB, '000100000300011f', 'refused'], [TYPE.SVCB, '00010000030002000100010000', 'refused'],
    [TYPE.HTTPS, '00010000010003026832', '00010000010003026832'], [TYPE.HTTPS, '00010000010003036832', 'refused'], [TYPE.HTTPS, '000100000400040a000001', '000100000400040a000001'], [TYPE.HTTPS, '0001000004000', 'refused'], [TYPE.HTTPS, '000100ffff0000', 'refused'],
  ] as const) assert.equal(canonical(type, text), expected, `type ${type}: ${text}`)
})

test('what is canonical stays the same object', () => {
  fc.assert(fc.property(fc.constantFrom(...Object.values(TYPE)), fc.uint8Array({ maxLength: 40 }), (type, rdata) => {
    const once = (() => {
      try {
        return canonicalRdata(type, rdata, 0)
      } catch (error) {
        assert.ok(error instanceof WireError)
        return undefined
      }
    })()
    if (once !== undefined) assert.equal(canonicalRdata(type, once, 0), once)
  }), { numRuns: 20_000 })
})
