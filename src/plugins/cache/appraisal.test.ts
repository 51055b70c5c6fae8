import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { QuickQuestion } from '../../core/quick-question.ts'
import { QuickReply } from '../../core/quick-reply.ts'
import { RCODE, TYPE } from '../../wire/codes.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { Message, type ResourceRecord } from '../../wire/message.ts'
import { mxRdata, nameRdata, soaRdata } from '../../wire/rdata.ts'
import { answers, cacheable, cacheType } from './answering.ts'
import { Appraisal } from './appraisal.ts'
import { inBailiwick } from './bailiwick.ts'
import type { CacheOptions } from './options.ts'
import { keepSeconds, withinBounds } from './ttl.ts'

const OPTIONS = { success: { maxTtl: 300, minTtl: 7 }, denial: { maxTtl: 120, minTtl: 3 }, servfailSeconds: 5 } as CacheOptions
const name = fc.constantFrom('a.example.', 'A.Example.', 'b.example.', 'c.example.', 'd.example.', 'example.', '.')
const ttl = fc.constantFrom(0, 1, 60, 200, 4000, 2 ** 32 - 1)
const klass = fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 3)
const record: fc.Arbitrary<ResourceRecord> = fc.oneof(
  fc.record({ name, ttl, class: klass, type: fc.constant(TYPE.A), rdata: fc.uint8Array({ minLength: 4, maxLength: 4 }) }),
  fc.record({ name, ttl, class: klass, type: fc.constant(TYPE.CNAME), rdata: name.map(nameRdata) }),
  fc.record({ name, ttl, class: klass, type: fc.constantFrom(TYPE.NS, TYPE.PTR), rdata: name.map(nameRdata) }),
  fc.record({ name, ttl, class: klass, type: fc.constant(TYPE.MX), rdata: name.map((target) => mxRdata(10, target)) }),
)
const soa: fc.Arbitrary<ResourceRecord> = fc.record({ name, ttl, class: klass, type: fc.constant(TYPE.SOA), rdata: fc.tuple(name, ttl).map(([mname, minimum]) => soaRdata({ mname, rname: '.', serial: 1, refresh: 2, retry: 3, expire: 4, minimum })) })
/** Aliases in order and what was asked for, now and then with one out of place. */
const chain: fc.Arbitrary<ResourceRecord[]> = fc.tuple(fc.array(name, { maxLength: 4 }), fc.nat(3), ttl).map(([names, addresses, seconds]) => {
  const owners = ['a.example.', ...names]
  const plain = { ttl: seconds, class: 1 }
  return [
    ...names.map((target, i) => ({ ...plain, name: owners[i]!, type: TYPE.CNAME, rdata: nameRdata(target) })),
    ...Array.from({ length: addresses }, (_, i) => ({ ...plain, name: owners.at(-1)!, type: TYPE.A, rdata: Uint8Array.of(192, 0, 2, i) })),
  ]
})
const reply = fc.record({
  type: fc.constantFrom(TYPE.A, TYPE.A, TYPE.A, TYPE.NS, TYPE.CNAME, TYPE.ANY, TYPE.AXFR),
  rcode: fc.constantFrom(RCODE.NOERROR, RCODE.NOERROR, RCODE.NXDOMAIN, RCODE.NXDOMAIN, RCODE.SERVFAIL, RCODE.REFUSED),
  answers: fc.oneof(fc.constant([]), chain, fc.array(record, { maxLength: 3 })),
  authorities: fc.array(fc.oneof(soa, record), { maxLength: 2 }),
  additionals: fc.array(record, { maxLength: 2 }),
})

test('a reply is judged from its octets as its message is', () => {
  let judged = 0
  let seen = 0
  const appraisal = new Appraisal()
  fc.assert(fc.property(reply, ({ type, rcode, ...sections }) => {
    seen++
    const message = Object.assign(new Message(), { qr: true, rcode, questions: [{ name: 'a.example.', type, class: 1 }], ...sections })
    const asked = encodeMessage(Object.assign(new Message(), { questions: message.questions }))
    const question = new QuickQuestion()
    assert.ok(question.read(asked, 0, asked.length))
    const quick = new QuickReply()
    quick.begin(question)
    quick.append(encodeMessage(message), question.questionEnd)
    Object.assign(quick, { rcode, answers: sections.answers.length, authorities: sections.authorities.length, additionals: sections.additionals.length })
    quick.writeHead(question)
    if (!appraisal.read(question, quick)) return
    judged++
    const kind = cacheType(message, 0)
    assert.equal(appraisal.type, kind)
    assert.ok(cacheable(message, kind))
    assert.ok(inBailiwick(message))
    assert.equal(answers(message), kind === 'NOERROR')
    assert.equal(withinBounds(appraisal.leastSeconds, kind, OPTIONS), keepSeconds(message, kind, OPTIONS))
  }), { numRuns: 3000 })
  assert.ok(judged > seen / 40, `${judged} of ${seen}`)
})
