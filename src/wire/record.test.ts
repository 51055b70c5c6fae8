import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TYPE } from './codes.ts'
import { decodeMessage } from './decode.ts'
import { encodeMessage } from './encode.ts'
import { Message } from './message.ts'
import { parseRdata, formatRdata, RdataError } from './rdata-text.ts'
import { formatRecord, parseRecord, RecordError } from './record.ts'
import { FIELDS } from './rdata-fields.ts'

/** As miekg/dns prints them. */
const LINES = [
  'a.example.\t60\tIN\tA\t192.0.2.1',
  'a.example.\t60\tIN\tAAAA\t2001:db8::1',
  'a.example.\t60\tIN\tNS\tns.example.',
  'a.example.\t60\tIN\tCNAME\tb.example.',
  'a.example.\t60\tIN\tDNAME\tb.example.',
  'a.example.\t60\tIN\tPTR\tb.example.',
  'a.example.\t60\tIN\tSOA\tns.example. host.example. 1 7200 1800 86400 60',
  'a.example.\t60\tIN\tMX\t10 mail.example.',
  'a.example.\t60\tIN\tTXT\t"one" "two \\"quoted\\" \\\\ \\010"',
  'a.example.\t60\tIN\tSRV\t1 2 443 b.example.',
  'a.example.\t60\tIN\tNAPTR\t100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .',
  'a.example.\t60\tIN\tCAA\t0 issue "ca.example"',
  'a.example.\t60\tIN\tDS\t20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D',
  'a.example.\t60\tIN\tDNSKEY\t257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3',
  'a.example.\t60\tIN\tRRSIG\tA 8 2 3600 20300101000000 20200101000000 12345 example. c2lnbmF0dXJl',
  'a.example.\t60\tIN\tNSEC\tb.example. A MX RRSIG NSEC TYPE1234',
  'a.example.\t60\tIN\tNSEC3\t1 1 12 AABBCCDD 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR MX DNSKEY NS SOA',
  'a.example.\t60\tIN\tTLSA\t3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971',
  'a.example.\t60\tIN\tSSHFP\t1 1 DD465C09CFA51FB45020CC83316FFF21B9EC74AC',
  'a.example.\t60\tIN\tSVCB\t1 svc.example. alpn="h2,h3" port="8443" ipv4hint="192.0.2.1" ipv6hint="2001:db8::1"',
  'a.example.\t60\tIN\tHTTPS\t1 . alpn="h2" no-default-alpn',
  'a.example.\t60\tIN\tHINFO\t"PC" "Linux"',
  'a.example.\t60\tIN\tURI\t10 1 "https://example.com/"',
  'a.example.\t60\tIN\tTYPE65280\t\\# 3 010203',
  'a.example.\t60\tIN\tTYPE65280\t\\# 0',
]

test('records of every type print as they were written, and survive the wire', () => {
  for (const line of LINES) {
    const record = parseRecord(line)
    const expected = line.replace('MX DNSKEY NS SOA', 'NS SOA MX DNSKEY')
    assert.equal(formatRecord(record), expected)
    const message = new Message()
    message.answers = [record]
    for (const compress of [true, false]) assert.deepEqual(decodeMessage(encodeMessage(message, { compress })).answers, [record], line)
  }
})

test('TTL and class may be left out or change places, and TTLs have units', () => {
  assert.equal(formatRecord(parseRecord('a.example A 192.0.2.1')), 'a.example.\t3600\tIN\tA\t192.0.2.1')
  assert.equal(formatRecord(parseRecord('a.example. CH 60 TXT x')), 'a.example.\t60\tCH\tTXT\t"x"')
  assert.equal(formatRecord(parseRecord('a.example. 60 CH TXT x')), 'a.example.\t60\tCH\tTXT\t"x"')
  assert.equal(formatRecord(parseRecord('a.example. 1h30m A 192.0.2.1')), 'a.example.\t5400\tIN\tA\t192.0.2.1')
  assert.equal(formatRecord(parseRecord('a.example. 60 IN TXT (\n one ; comment\n two )')), 'a.example.\t60\tIN\tTXT\t"one" "two"')
})

test('lines that are no record are refused with the line and the reason', () => {
  for (const line of ['', 'a.example.', 'a.example. 60 IN', 'a.example. 60 IN A', 'a.example. 60 IN A 1.2.3', 'a.example. 60 IN A ::1', 'a.example. 60 IN AAAA 1.2.3.4', 'a..b 60 IN A 1.2.3.4', 'a. 60 IN NOPE x',
    'a. 60 IN MX x b.', 'a. 60 IN MX 70000 b.', 'a. 60 IN TXT "x', 'a. 60 IN A 1.2.3.4 5', 'a. 60 IN CNAME a..b', 'a. 60 IN DS 1 2 3 xyz', 'a. 60 IN TYPE65280 \\# 2 01', 'a. 60 IN TYPE65280 x']) {
    assert.throws(() => parseRecord(line), RecordError, line)
  }
})

test('octets written as such must be what their type says', () => {
  assert.throws(() => parseRecord('a. 60 IN SOA \\# 3 010203'), RecordError)
  assert.throws(() => parseRecord('a. 60 IN TYPE6 \\# 3 010203'), RecordError)
  assert.equal(formatRecord(parseRecord('a. 60 IN TYPE1 \\# 4 0a000001')), 'a.\t60\tIN\tA\t10.0.0.1')
  assert.equal(formatRecord(parseRecord('a. 60 IN MX \\# 2 000a')), 'a.\t60\tIN\tMX\t10 .')
  assert.equal(formatRecord(parseRecord('a. 60 IN CAA 0 i\\032s"a b" "ca"')), 'a.\t60\tIN\tCAA\t0 i\\032s\\"a\\032b\\" "ca"')
  assert.equal(formatRecord(parseRecord('"a b." 60 IN A 10.0.0.1')), 'a\\ b.\t60\tIN\tA\t10.0.0.1')
  assert.equal(formatRecord(parseRecord('a. 60 IN DNSKEY \\# 4 01010308')), 'a.\t60\tIN\tDNSKEY\t\\# 4 01010308')
})

test('any line is a record or is refused with RecordError', () => {
  const word = fc.oneof(fc.constantFrom('a.example.', '60', 'IN', 'CH', 'A', 'TXT', 'SRV', 'MX', 'SVCB', 'NSEC', '"x"', '(', ')', ';', '\\#', '1', '1.2.3.4', 'alpn=h2', '\\', '"'), fc.string({ maxLength: 6 }))
  fc.assert(fc.property(fc.array(word, { maxLength: 10 }), (words) => {
    try {
      formatRecord(parseRecord(words.join(' ')))
    } catch (error) {
      assert.ok(error instanceof RecordError, String(error))
    }
  }), { numRuns: 3000 })
})

test('rdata of any octets that the decoder lets through prints, and what prints reads back', () => {
  const types = [...FIELDS.keys(), 65_280]
  fc.assert(fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 40 }), (type, octets) => {
    const packet = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, type >> 8, type & 0xff, 0, 1, 0, 0, 0, 60, 0, octets.length, ...octets])
    let record
    try {
      record = decodeMessage(packet).answers[0]!
    } catch {
      return
    }
    const text = formatRdata(type, record.rdata)
    if (text.startsWith('\\#')) assert.deepEqual(parseRdata(type, text.split(' ')), record.rdata)
  }), { numRuns: 5000 })
  assert.throws(() => parseRdata(TYPE.OPT, ['x']), RdataError)
})
