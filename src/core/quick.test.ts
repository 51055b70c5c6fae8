import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeMessage } from '../wire/decode.ts'
import { EDNS } from '../wire/edns.ts'
import { encodeMessage } from '../wire/encode.ts'
import { Message, WireError, type EdnsOption } from '../wire/message.ts'
import { lowerName, nameToWire, splitLabels } from '../wire/name.ts'
import { Chain } from './chain.ts'
import { DONE, NEXT, type Stage } from './plugin.ts'
import { IN_FULL, LATER, type Brought, type QuickStage, type QuickVerdict, type Waiting } from './quick.ts'
import { QuickQuestion } from './quick-question.ts'
import { QuickReply } from './quick-reply.ts'
import { QuickZones } from './quick-zones.ts'
import { matchZone } from './zones.ts'

const label = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_'), minLength: 1, maxLength: 12 })
const name = fc.array(label, { maxLength: 6 }).map((labels) => (labels.length === 0 ? '.' : `${labels.join('.')}.`))
const option: fc.Arbitrary<EdnsOption> = fc.record({
  code: fc.constantFrom(EDNS.COOKIE, EDNS.NSID, EDNS.PADDING, EDNS.EXPIRE, EDNS.SUBNET, 65_001),
  data: fc.uint8Array({ maxLength: 12 }),
})
const query: fc.Arbitrary<Message> = fc.record({
  id: fc.nat(65_535),
  rd: fc.boolean(),
  ad: fc.boolean(),
  cd: fc.boolean(),
  questions: fc.record({ name, type: fc.nat(65_535), class: fc.constantFrom(1, 1, 1, 3) }, { noNullPrototype: true }).map((question) => [question]),
  edns: fc.option(fc.record({
    udpSize: fc.nat(65_535), version: fc.constantFrom(0, 0, 0, 1), do: fc.boolean(), z: fc.constantFrom(0, 0, 0, 1),
    options: fc.array(option, { maxLength: 3 }),
  }), { nil: undefined }),
}).map((fields) => Object.assign(new Message(), fields))

function read(packet: Uint8Array, at = 0): QuickQuestion | undefined {
  const question = new QuickQuestion()
  const shifted = new Uint8Array(at + packet.length + 3).fill(0xee)
  shifted.set(packet, at)
  return question.read(shifted, at, packet.length) ? question : undefined
}

describe('the quick way', () => {
  test('a question reads as the ordinary way reads it', () => {
    let quick = 0
    fc.assert(fc.property(query, fc.nat(40), (message, at) => {
      const question = read(encodeMessage(message), at)
      if (question === undefined) return
      quick++
      const asked = message.questions[0]!
      assert.deepEqual(question.name.slice(0, question.nameLength), nameToWire(lowerName(asked.name)))
      assert.equal(question.labelCount, splitLabels(asked.name).length)
      assert.deepEqual([question.type, question.class, question.rd, question.ad, question.cd], [asked.type, 1, message.rd, message.ad, message.cd])
      assert.deepEqual([question.edns, question.do, question.udpSize], [message.edns !== undefined, message.edns?.do ?? false, message.edns?.udpSize ?? 0])
    }), { numRuns: 500 })
    assert.ok(quick > 50, `only ${quick} of 500 were common`)
  })

  test('octets that are no message are left to the ordinary way, and nothing throws', () => {
    fc.assert(fc.property(query, fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 }), fc.nat(5), (message, changes, cut) => {
      const packet = encodeMessage(message)
      for (const [at, octet] of changes) if (at < packet.length) packet[at] = octet
      const cutPacket = packet.subarray(0, packet.length - cut)
      if (read(cutPacket) === undefined) return
      assert.doesNotThrow(() => decodeMessage(cutPacket), WireError)
    }), { numRuns: 2000 })
  })

  test('an empty reply is what the ordinary way would send', () => {
    fc.assert(fc.property(query, (message) => {
      const question = read(encodeMessage(message))
      if (question === undefined) return
      const reply = new QuickReply()
      reply.begin(question)
      reply.rcode = 3
      reply.finish(question)
      const sent = decodeMessage(reply.bytes.subarray(0, reply.length))
      assert.deepEqual([sent.id, sent.qr, sent.rd, sent.cd, sent.rcode, sent.questions], [message.id, true, message.rd, message.cd, 3, message.questions])
      assert.deepEqual(sent.edns?.options.map((one) => [one.code, [...one.data]]), message.edns?.options.map((one) => [one.code, [...one.data]]))
    }))
  })

  test('zones match as names do', () => {
    fc.assert(fc.property(fc.array(name, { maxLength: 4 }), query, (zones, message) => {
      const question = read(encodeMessage(message))
      if (question === undefined) return
      const lower = zones.map(lowerName)
      assert.equal(new QuickZones(lower.map((zone) => [zone, zone])).match(question), matchZone(lower, message.questions[0]!.name))
    }))
  })

  test('effects happen from the stage that answered upwards, and not at all when one stage needs the query in full', () => {
    const message = new Message()
    message.questions = [{ name: 'a.example.', type: 1, class: 1 }]
    const question = read(encodeMessage(message))!
    const run = (...verdicts: (QuickVerdict | undefined)[]) => {
      const replied: number[] = []
      const stages = verdicts.map((verdict, i): Stage => ({
        name: `stage${i}`,
        ...(verdict === undefined ? {} : { quick: { query: () => verdict, reply: () => void replied.push(i) } }),
      }))
      const reply = new QuickReply()
      reply.begin(question)
      return [new Chain(stages, { caught: () => undefined }).quick(question, reply), replied]
    }
    assert.deepEqual(run(NEXT, DONE, undefined), [DONE, [1, 0]])
    assert.deepEqual(run(NEXT, undefined, DONE), [IN_FULL, []])
    assert.deepEqual(run(NEXT, IN_FULL), [IN_FULL, []])
    assert.deepEqual(run(NEXT, NEXT), [IN_FULL, []])
  })

  test('a question that waits goes the way twice, and has its effects after the second time', () => {
    const message = Object.assign(new Message(), { questions: [{ name: 'a.example.', type: 1, class: 1 }] })
    const question = read(encodeMessage(message))!
    const happened: string[] = []
    let begun: Waiting | undefined
    const watcher = (name: string, more: Partial<QuickStage> = {}): Stage => ({
      name, quick: { query: () => NEXT, reply: (_, { answeredBy }) => void happened.push(`${name} after ${answeredBy}`), ...more },
    })
    const last = watcher('last', { query: () => LATER, begin: (_, waiting) => { begun = waiting } })
    const reply = new QuickReply()
    const start = (chain: Chain) => {
      reply.begin(question)
      return chain.quick(question, reply)
    }
    const faults = { caught: () => undefined }
    const brought = (writes: boolean): Brought => ({ attempts: [], write: () => writes, handOver: () => undefined })
    const chain = new Chain([watcher('first'), last], faults)
    assert.equal(start(chain), LATER)
    assert.equal(reply.answeredAt, 1)
    const waiting: Waiting = { ready: () => undefined }
    chain.begin(question, 1, waiting)
    assert.equal(begun, waiting)
    assert.deepEqual(happened, [])
    assert.equal(chain.resume(question, reply, 1, brought(false)), false)
    assert.deepEqual(happened, [])
    assert.equal(chain.resume(question, reply, 1, brought(true)), true)
    assert.deepEqual(happened, ['last after last', 'first after last'])
    assert.equal(new Chain([watcher('first', { query: () => IN_FULL }), last], faults).resume(question, reply, 1, brought(true)), false)
    assert.equal(start(new Chain([watcher('first', { onlyNow: true }), last], faults)), IN_FULL)
  })
})
