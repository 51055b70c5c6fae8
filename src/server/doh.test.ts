import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeMessage } from '../wire/encode.ts'
import { Message } from '../wire/message.ts'
import { cacheControl, queryParameter, splitTarget } from './doh.ts'

const parameter = (text: string) => queryParameter(new URLSearchParams(text))

test('a query comes back from its parameter', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
    const { path, parameters } = splitTarget(`/dns-query?x=1&dns=${Buffer.from(bytes).toString('base64url')}`)
    assert.equal(path, '/dns-query')
    assert.deepEqual(Uint8Array.from(queryParameter(parameters)!), bytes)
  }))
})

test('what is no single parameter in base64url without padding is none', () => {
  for (const text of ['', 'dns', 'dns=AAAA&dns=AAAA', 'dns=AAA=', 'dns=A', 'dns=AA+A', 'dns=AA%2FA', 'dns=AA AA', 'DNS=AAAA', `dns=${'A'.repeat(90_000)}`]) {
    assert.equal(parameter(text)?.length ?? 'none', text === 'dns' ? 0 : 'none', text.slice(0, 30))
  }
})

test('any request target is split without a throw', () => {
  fc.assert(fc.property(fc.string(), (target) => {
    const { path, parameters } = splitTarget(target)
    assert.ok(target.startsWith(path))
    queryParameter(parameters)
  }))
})

test('a reply may be kept as long as its shortest record, an hour at most', () => {
  const age = (...ttls: number[]) => {
    const reply = new Message()
    reply.qr = true
    reply.questions = [{ name: 'a.', type: 1, class: 1 }]
    reply.answers = ttls.map((ttl) => ({ name: 'a.', type: 1, class: 1, ttl, rdata: Uint8Array.of(192, 0, 2, 1) }))
    return cacheControl(encodeMessage(reply), 0)
  }
  assert.deepEqual([age(60, 30), age(86_400), age(0), age()], ['max-age=30', 'max-age=3600', 'max-age=0', 'max-age=5'])
})
