import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { scripted, testServer } from '../../../test/support/world.ts'
import { decodeMessage } from '../../wire/decode.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { Message } from '../../wire/message.ts'
import { parseRecord } from '../../wire/record.ts'
import { inBailiwick } from './bailiwick.ts'
import { cachePlugin } from './index.ts'

const SOA = (owner: string) => `${owner} 60 IN SOA ns.example. root.example. 1 2 3 4 60`

function reply(answers: readonly string[], authorities: readonly string[] = [], additionals: readonly string[] = []): Message {
  return Object.assign(new Message(), {
    qr: true, questions: [{ name: 'WWW.example.org.', type: 1, class: 1 }],
    answers: answers.map((text) => parseRecord(text)), authorities: authorities.map((text) => parseRecord(text)), additionals: additionals.map((text) => parseRecord(text)),
  })
}

const CASES: readonly (readonly [string, boolean, Message])[] = [
  ['what was asked for', true, reply(['www.example.org. 60 IN A 192.0.2.1'])],
  ['aliases, out of order, and what they lead to', true, reply(['b.example.net. 60 IN A 192.0.2.1', 'a.example.com. 60 IN CNAME B.example.net.', 'www.EXAMPLE.org. 60 IN CNAME a.example.com.'])],
  ['a loop of aliases', true, reply(['www.example.org. 60 IN CNAME a.example.org.', 'a.example.org. 60 IN CNAME www.example.org.'])],
  ['another name\'s address', false, reply(['www.example.org. 60 IN A 192.0.2.1', 'bank.example. 60 IN A 203.0.113.66'])],
  ['an alias that nothing leads to', false, reply(['www.example.org. 60 IN A 192.0.2.1', 'bank.example. 60 IN CNAME www.example.org.'])],
  ['a denial of its zone, of the zone above, of the root', true, reply([], [SOA('example.org.'), SOA('org.'), SOA('.')])],
  ['a denial of another zone', false, reply([], [SOA('example.com.')])],
  ['a denial of a zone below', false, reply([], [SOA('a.www.example.org.')])],
  ['a denial of a zone whose name ends alike', false, reply([], [SOA('ample.org.')])],
  ['aliases that lead to nothing, denied by the zone of their end', true, reply(['www.example.org. 60 IN CNAME a.example.com.'], [SOA('example.com.')])],
  ['servers of its zone, and their addresses', true, reply(['www.example.org. 60 IN A 192.0.2.1'], ['example.org. 60 IN NS ns.elsewhere.'], ['ns.elsewhere. 60 IN A 192.0.2.2'])],
  ['servers of another zone', false, reply(['www.example.org. 60 IN A 192.0.2.1'], ['com. 60 IN NS ns.evil.example.'])],
  ['no question', false, Object.assign(reply([]), { questions: [] })],
]

describe('bailiwick', () => {
  for (const [what, is, message] of CASES) test(`${what}: ${is ? 'kept' : 'not kept'}`, () => assert.equal(inBailiwick(message), is))

  test('a record of somewhere else is seen wherever it stands, and what is in order stays so in any order', () => {
    const links = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 12 })
    fc.assert(fc.property(links, fc.nat(20), fc.infiniteStream(fc.nat(100)), fc.option(fc.constantFrom('evil.example. 60 IN A 203.0.113.1', 'evil.example. 60 IN CNAME www.example.org.', 'evil.example. 60 IN TXT x')), (hops, addresses, order, foreign) => {
      const names = ['www.example.org.', ...hops.map((hop) => `h${hop}.example.`)]
      const records = [
        ...hops.map((_, i) => `${names[i]} 60 IN CNAME ${names[i + 1]}`),
        ...Array.from({ length: addresses }, (_, i) => `${names.at(-1)} 60 IN A 192.0.2.${i}`), ...(foreign === null ? [] : [foreign]),
      ].map((text) => [order.next().value, text] as const).sort(([a], [b]) => a - b).map(([, text]) => text)
      // Through octets, as upstreams' replies come.
      assert.equal(inBailiwick(decodeMessage(encodeMessage(reply(records)))), foreign === null)
    }))
  })

  test('a foreign reply is passed on whole and asked for again; others are kept', async () => {
    let asked = 0
    const upstream = scripted((q) => {
      asked++
      const foreign = q.question.name.startsWith('foreign')
      if (q.question.name.startsWith('none')) q.begin(3).authorities = [parseRecord(SOA('com.'))]
      else q.begin(0).answers = [parseRecord(`${q.question.name} 60 IN A 192.0.2.1`), ...(foreign ? [parseRecord('bank.example. 60 IN A 203.0.113.66')] : [])]
      return 1
    })
    const server = await testServer('. {\ncache\nwhoami\n}', { plugins: [cachePlugin, upstream] })
    for (const [name, answers, times] of [['own.example.org.', 1, 1], ['foreign.example.org.', 2, 2], ['none.example.org.', 0, 2]] as const) {
      asked = 0
      for (let i = 0; i < 2; i++) assert.equal((await server.ask(`${name} A`))!.answers.length, answers)
      assert.equal(asked, times, name)
    }
    assert.match(await server.metrics.expose(), /coredns_cache_drops_total\{.*\} 4/)
    await server.stop()
  })
})
