import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatIp, parseIp } from '../../base/ip.ts'
import { HostsTable } from './table.ts'

const texts = (addresses: readonly Uint8Array[]) => addresses.map((address) => formatIp(address))

test('lines as in /etc/hosts', () => {
  const table = new HostsTable(['192.0.2.1 A.example b.example # c.example', '  2001:db8::1\ta.example', 'nonsense x.example', '192.0.2.300 x.example', 'fe80::1%eth0 z.example', '::ffff:192.0.2.2 m.example', '', '192.0.2.9 *.w.example'], ['example.'], true)
  assert.deepEqual(texts(table.addresses('a.example.', 4)), ['192.0.2.1'])
  assert.deepEqual(texts(table.addresses('a.example.', 6)), ['2001:db8::1'])
  assert.deepEqual(texts(table.addresses('z.example.', 6)), ['fe80::1'])
  assert.deepEqual(texts(table.addresses('m.example.', 4)), ['192.0.2.2'])
  assert.deepEqual(texts(table.addresses('one.w.example.', 4)), ['192.0.2.9'])
  assert.deepEqual([table.has('c.example.'), table.has('x.example.'), table.has('two.one.w.example.')], [false, false, false])
  assert.deepEqual(table.names(parseIp('192.0.2.1')!), ['a.example.', 'b.example.'])
})

test('every address of every line is found by name and back', () => {
  const host = fc.stringMatching(/^[a-z]{1,6}$/)
  fc.assert(fc.property(fc.array(fc.tuple(fc.ipV4(), host), { maxLength: 10 }), (entries) => {
    const table = new HostsTable(entries.map(([ip, name]) => `${ip} ${name}`), ['.'], true)
    for (const [ip, name] of entries) {
      assert.ok(texts(table.addresses(`${name}.`, 4)).includes(ip))
      assert.ok(table.names(parseIp(ip)!).includes(`${name}.`))
    }
  }))
})

test('the metric counts addresses, and each name of an address once more unless it is a wildcard', () => {
  assert.equal(new HostsTable(['10.0.0.20 h1.ex H2.ex', 'fd00::1 h1.ex', '10.0.0.1 a.sub.ex', '10.0.0.21', '10.0.0.22 *.wild.ex y.x.wild.ex'], ['.'], true).size, 11)
  assert.equal(new HostsTable(['10.0.0.20 h1.ex h2.ex'], ['.'], false).size, 2)
})
