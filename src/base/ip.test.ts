import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatIp, formatPrefix, parseIp, parsePrefix, prefixContains, unmapIp } from './ip.ts'

test('addresses read and print in canonical form', () => {
  const cases: [string, string][] = [
    ['1.2.3.4', '1.2.3.4'], ['::', '::'], ['::1', '::1'], ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], ['1:0:0:2::3', '1:0:0:2::3'],
    ['::ffff:10.0.0.1', '10.0.0.1'], ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'], ['fd00:0:0:1:0:0:0:0', 'fd00:0:0:1::'],
  ]
  for (const [text, printed] of cases) assert.equal(formatIp(parseIp(text)!), printed, text)
})

test('what is no address is refused', () => {
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.4 ', ':::', '1::2::3', '12345::', 'fe80::1%eth0', '1:2:3:4:5:6:7', '::1.2.3', '1:2:3:4:5:6:7:8::', 'g::']) {
    assert.equal(parseIp(text), undefined, text)
  }
})

test('every address that prints reads back to the same octets', () => {
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })), (bytes) => {
    const text = formatIp(bytes)
    assert.notEqual(isIP(text), 0)
    assert.deepEqual(unmapIp(parseIp(text)!), unmapIp(bytes))
  }))
})

test('any text is an address for us exactly when it is one for the system, zone ids apart', () => {
  fc.assert(fc.property(fc.stringMatching(/^[0-9a-f:.]{0,20}$/), (text) => {
    assert.equal(parseIp(text) !== undefined, isIP(text) !== 0, text)
  }), { numRuns: 2000 })
})

test('a prefix contains its own addresses and no others', () => {
  const net = parsePrefix('10.96.0.0/12')!
  assert.equal(formatPrefix(net), '10.96.0.0/12')
  assert.ok(prefixContains(net, parseIp('10.111.255.255')!))
  assert.ok(!prefixContains(net, parseIp('10.112.0.0')!))
  assert.ok(prefixContains(net, parseIp('::ffff:10.96.0.1')!), 'an IPv4-mapped address counts as IPv4')
  assert.ok(!prefixContains(net, parseIp('fd00::1')!))
  assert.ok(prefixContains(parsePrefix('fd00::/9')!, parseIp('fd7f::1')!))
  assert.ok(prefixContains(parsePrefix('192.0.2.7')!, parseIp('192.0.2.7')!), 'a bare address stands for itself')
  for (const text of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/x', 'fd00::/129', '/8']) assert.equal(parsePrefix(text), undefined, text)
})
