import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeMessage } from './decode.ts'
import { encodeMessage } from './encode.ts'
import { Expansion } from './expansion.ts'
import { Message, type ResourceRecord } from './message.ts'
import { parseRecord } from './record.ts'
import { WireError } from './wire-error.ts'

const expansion = new Expansion()
const LINES = [
  'a.example. 60 IN A 192.0.2.1', 'A.Example. 60 IN A 192.0.2.2', 'b.a.example. 60 IN AAAA 2001:db8::1', 'a.example. 4294967295 IN CNAME b.a.example.', 'example. 0 IN NS ns.example.', '1.2.0.192.in-addr.arpa. 5 IN PTR a.example.',
  'example. 60 IN SOA ns.example. host.example. 1 7200 1800 86400 60', 'a.example. 60 IN MX 10 b.a.example.', '_x._tcp.a.example. 60 IN SRV 1 2 443 b.a.example.', 'a.example. 60 IN TXT "one" "two \\"\\010"', 'a.example. 60 CH TXT "x"', '. 60 IN NS .',
]
/** What the decoder has to look at. */
const ODD = ['a.example. 60 IN HTTPS 1 . alpn=h2', 'a.example. 60 IN CAA 0 issue "ca.example"', 'a.example. 60 IN TYPE65280 \\# 1 01', 'a.example. 60 IN RRSIG A 8 2 3600 20300101000000 20200101000000 12345 example. c2ln']

const section = (lines: readonly string[]) => fc.array(fc.constantFrom(...lines).map((line): ResourceRecord => parseRecord(line)), { maxLength: 4 })
const message = (lines: readonly string[]) => fc.record({
  rcode: fc.nat(15), aa: fc.boolean(), ra: fc.boolean(), ad: fc.boolean(), tc: fc.boolean(),
  answers: section(lines), authorities: section(lines), additionals: section(lines),
  edns: fc.option(fc.record({ udpSize: fc.nat(65_535), version: fc.constant(0), do: fc.boolean(), z: fc.constantFrom(0, 0, 1), options: fc.constantFrom([], [], [{ code: 10, data: new Uint8Array(8) }]) }), { nil: undefined }),
}).map((fields) => Object.assign(new Message(), { qr: true, id: 7, questions: [{ name: 'a.Example.', type: 1, class: 1 }] }, fields))

/** True when the expansion took it; then it has what the decoder and the encoder make of the message. */
function agrees(bytes: Uint8Array): boolean {
  if (!expansion.read(bytes)) return false
  const decoded = decodeMessage(bytes)
  assert.deepEqual([expansion.answers, expansion.authorities, expansion.additionals], [decoded.answers.length, decoded.authorities.length, decoded.additionals.length])
  assert.deepEqual([expansion.edns, expansion.do, expansion.z], [decoded.edns !== undefined, decoded.edns?.do ?? false, decoded.edns?.z ?? 0])
  assert.equal(decoded.edns?.version ?? 0, 0)
  assert.deepEqual(decoded.edns?.options ?? [], [])
  assert.equal(expansion.flags & 0xf, decoded.rcode)
  decoded.edns = undefined
  const plain = encodeMessage(decoded)
  assert.equal(Buffer.from(expansion.octets.subarray(0, expansion.length)).toString('hex'), Buffer.from(plain.subarray(expansion.questionEnd)).toString('hex'))
  return true
}

test('records of common types come out as the decoder and the encoder make them, compressed or not', () => {
  fc.assert(fc.property(message(LINES), fc.boolean(), (reply, compress) => {
    assert.equal(agrees(encodeMessage(reply, { compress })), reply.edns === undefined || reply.edns.options.length === 0)
  }), { numRuns: 500 })
})

test('what is not common is left to the decoder', () => {
  fc.assert(fc.property(message([...LINES, ...ODD]), (reply) => {
    const odd = [reply.answers, reply.authorities, reply.additionals].some((records) => records.some((record) => record.type > 250 || record.type === 65 || record.type === 46))
    assert.equal(agrees(encodeMessage(reply, { compress: true })), !odd && (reply.edns === undefined || reply.edns.options.length === 0))
  }), { numRuns: 300 })
})

test('octets that were changed or cut are taken only if the decoder takes them, and then alike', () => {
  fc.assert(fc.property(message(LINES), fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }), fc.nat(400), (reply, changes, cut) => {
    const bytes = encodeMessage(reply, { compress: true })
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
    const packet = bytes.subarray(0, Math.max(0, bytes.length - (cut > 200 ? 0 : cut)))
    try {
      agrees(packet)
    } catch (error) {
      if (error instanceof WireError) assert.fail(`taken, but the decoder says: ${error.message}`)
      throw error
    }
  }), { numRuns: 3000 })
})
