import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oracle from 'dns-packet'
import fc from 'fast-check'
import { RCODE, TYPE } from './codes.ts'
import { decodeMessage } from './decode.ts'
import { encodeMessage, fitReply, messageLength } from './encode.ts'
import { Message, WireError, type ResourceRecord } from './message.ts'
import { formatRecord, parseRecord } from './record.ts'

const label = fc.stringMatching(/^[a-z0-9]{1,12}$/)
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => `${labels.join('.')}.`)
const ttl = fc.nat({ max: 0x7fffffff })
const record = fc.oneof(
  fc.tuple(name, ttl, fc.ipV4()).map(([owner, seconds, ip]) => `${owner} ${seconds} IN A ${ip}`),
  fc.tuple(name, ttl, name).map(([owner, seconds, target]) => `${owner} ${seconds} IN CNAME ${target}`),
  fc.tuple(name, ttl, fc.nat({ max: 65_535 }), name).map(([owner, seconds, port, target]) => `${owner} ${seconds} IN SRV 1 2 ${port} ${target}`),
  fc.tuple(name, ttl, name, name).map(([owner, seconds, a, b]) => `${owner} ${seconds} IN SOA ${a} ${b} 1 2 3 4 5`),
  fc.tuple(name, ttl, fc.stringMatching(/^[a-z ]{0,40}$/)).map(([owner, seconds, text]) => `${owner} ${seconds} IN TXT "${text}"`),
  fc.tuple(name, ttl, name).map(([owner, seconds, target]) => `${owner} ${seconds} IN MX 10 ${target}`),
).map(parseRecord)

function messageOf(answers: ResourceRecord[], additionals: ResourceRecord[] = []): Message {
  const message = new Message()
  Object.assign(message, { id: 4711, qr: true, rd: true, questions: [{ name: 'query.example.', type: TYPE.A, class: 1 }], answers, additionals })
  return message
}

test('a message decodes to what was encoded, compressed or not', () => {
  fc.assert(fc.property(fc.array(record, { maxLength: 12 }), fc.array(record, { maxLength: 4 }), fc.boolean(), (answers, additionals, compress) => {
    const message = messageOf(answers, additionals)
    const bytes = encodeMessage(message, { compress })
    assert.deepEqual(decodeMessage(bytes), message)
    if (!compress) assert.equal(bytes.length, messageLength(message))
  }))
})

test('dns-packet reads the same addresses, names and ports from our octets', () => {
  fc.assert(fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), (answers) => {
    const theirs = oracle.decode(Buffer.from(encodeMessage(messageOf(answers), { compress: true })))
    assert.equal(theirs.answers!.length, answers.length)
    theirs.answers!.forEach((answer, i) => {
      assert.equal(`${answer.name}.`, answers[i]!.name)
      if (answer.type === 'A') assert.ok(formatRecord(answers[i]!).endsWith(`\t${answer.data}`))
      if (answer.type === 'SRV') assert.ok(formatRecord(answers[i]!).endsWith(` ${answer.data.port} ${answer.data.target}.`))
      if (answer.type === 'CNAME') assert.ok(formatRecord(answers[i]!).endsWith(`\t${answer.data}.`))
    })
  }))
})

test('a reply fits its limit, keeps records in order and says so when it is cut', () => {
  fc.assert(fc.property(fc.array(record, { maxLength: 60 }), fc.integer({ min: 512, max: 1400 }), (answers, limit) => {
    const bytes = fitReply(messageOf(answers), { limit, udp: true, family: 1 })
    assert.ok(bytes.length <= limit)
    const read = decodeMessage(bytes)
    assert.deepEqual(read.answers, answers.slice(0, read.answers.length))
    assert.equal(read.tc, read.answers.length < answers.length)
  }))
})

test('any octets decode or are refused with WireError', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
    try {
      decodeMessage(bytes)
    } catch (error) {
      assert.ok(error instanceof WireError, String(error))
    }
  }), { numRuns: 5000 })
})

test('octets of a real message with one changed decode or are refused with WireError', () => {
  const bytes = encodeMessage(messageOf([parseRecord('a.example. 60 IN A 10.0.0.1'), parseRecord('a.example. 60 IN SOA b.example. c.example. 1 2 3 4 5')]), { compress: true })
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff]) {
      const broken = Uint8Array.from(bytes)
      broken[at] = value
      try {
        encodeMessage(decodeMessage(broken))
      } catch (error) {
        assert.ok(error instanceof WireError, `${at} ${value}: ${String(error)}`)
      }
    }
  }
})

test('a query of dig with a cookie keeps its OPT apart from the additional section', () => {
  // dig +norec +qid=4660 @127.0.0.1 a.example A, with its COOKIE option
  const bytes = Buffer.from('123400200001000000000001016107657861 6d706c650000010001000029 04d000000000000c000a00080102030405060708'.replaceAll(' ', ''), 'hex')
  const message = decodeMessage(bytes)
  assert.deepEqual(message.questions, [{ name: 'a.example.', type: TYPE.A, class: 1 }])
  assert.equal(message.ad, true)
  assert.deepEqual(message.additionals, [])
  assert.equal(message.edns?.udpSize, 1232)
  assert.deepEqual(message.edns?.options.map((option) => option.code), [10])
  assert.deepEqual(Buffer.from(encodeMessage(message)), bytes)
})

test('rcodes above 15 travel in the OPT, and need one', () => {
  const message = messageOf([])
  message.rcode = RCODE.BADVERS
  assert.throws(() => encodeMessage(message), (error) => error instanceof WireError && error.code === 'bad-rcode')
  message.edns = { udpSize: 512, version: 0, do: false, z: 0, options: [] }
  assert.equal(decodeMessage(encodeMessage(message)).rcode, RCODE.BADVERS)
})

test('a packet may end between records, and inside a question after its name or type', () => {
  const header = '123401000001000100000000'
  const question = '0161076578616d706c650000010001'
  assert.equal(decodeMessage(Buffer.from(header + question, 'hex')).answers.length, 0)
  assert.deepEqual(decodeMessage(Buffer.from(header + question.slice(0, 22), 'hex')).questions, [{ name: 'a.example.', type: 0, class: 0 }])
  assert.deepEqual(decodeMessage(Buffer.from(header + question.slice(0, 26), 'hex')).questions, [{ name: 'a.example.', type: 1, class: 0 }])
  assert.throws(() => decodeMessage(Buffer.from(header + question.slice(0, 24), 'hex')), WireError)
})

test('names in the rdata of SRV records are not compressed, but can be pointed to', () => {
  const target = 'long-target-name.example.org.'
  const plain = messageOf([parseRecord(`a.example. 60 IN SRV 0 0 80 ${target}`)], [parseRecord(`${target} 60 IN A 10.0.0.1`)])
  const bytes = encodeMessage(plain, { compress: true })
  assert.equal(messageLength(plain) - bytes.length, (30 - 2) + (9 - 2), 'the glue points to the target, the first owner into the question')
  assert.deepEqual(decodeMessage(bytes), plain)
})
