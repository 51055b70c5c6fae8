import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseResolvConf } from './resolv-conf.ts'

test('name servers and search domains; the rest is passed over', () => {
  const parsed = parseResolvConf('# c\nnameserver 192.0.2.1\nnameserver  fd00::1 ; x\nnameserver\nnameserver nonsense\noptions ndots:5\ndomain old.example\nsearch a.example b.example\n')
  assert.deepEqual(parsed.nameservers.slice(0, 2), ['192.0.2.1', 'fd00::1'])
  assert.deepEqual(parsed.search.map(String), ['a.example.', 'b.example.'])
})

test('any text is read, and every server on a line of its own is found', () => {
  fc.assert(fc.property(fc.array(fc.ipV4(), { maxLength: 5 }), fc.string(), (servers, noise) => {
    const clean = noise.replaceAll(/nameserver/g, '')
    const parsed = parseResolvConf(`#${clean.replaceAll(/[\r\n]/g, ' ')}\n${servers.map((server) => `nameserver ${server}`).join('\n')}`)
    assert.deepEqual(parsed.nameservers, servers)
    parseResolvConf(noise)
  }))
})
