import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { testServer, type TestServer } from '../../../test/support/world.ts'
import { answerQuickly, quickReply } from '../../server/quick-path.ts'
import { describeFastPath } from '../../server/fast-path.ts'
import { peerOf } from '../../server/peer.ts'
import { DONE } from '../../core/plugin.ts'
import { TYPE } from '../../wire/codes.ts'
import { decodeMessage } from '../../wire/decode.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { Message } from '../../wire/message.ts'
import { PLUGINS } from '../index.ts'

const CLIENT = peerOf('10.0.0.1', 40_000)

describe('no_aaaa', () => {
  let server: TestServer
  before(async () => {
    server = await testServer('. {\nerrors\nno_aaaa cluster.local Example.ORG\ncache 30\ntemplate IN ANY . {\nanswer "{{ .Name }} 60 IN TXT seen"\n}\n}', { plugins: PLUGINS })
  })
  after(() => server.stop())

  test('both ways give the same octets, for any name and type, with and without EDNS', async () => {
    const label = fc.constantFrom('a', 'svc', 'cluster', 'local', 'LOCAL', 'example', 'org', 'x'.repeat(63))
    const { group } = server.generation.wanted[0]!
    let quick = 0
    await fc.assert(fc.asyncProperty(fc.array(label, { maxLength: 4 }), fc.constantFrom('', 'cluster.local.', 'Cluster.Local.', 'example.org.'), fc.constantFrom(1, 28, 28, 255, 65), fc.boolean(), fc.boolean(), async (labels, zone, type, edns, rd) => {
      const name = `${labels.map((each) => `${each}.`).join('')}${zone}` || '.'
      const message = new Message()
      Object.assign(message, { id: 7, rd, questions: [{ name, type, class: 1 }] })
      if (edns) message.edns = { udpSize: 1232, version: 0, do: true, z: 0, options: [] }
      const packet = encodeMessage(message)
      const startMs = server.clock.nowMs()
      const fast = answerQuickly(group, packet, 0, packet.length, 'udp', CLIENT, startMs) === DONE ? Buffer.from(quickReply.bytes.slice(0, quickReply.length)) : undefined
      const full = Buffer.from((await group.answer(decodeMessage(packet), { client: CLIENT, local: CLIENT, protocol: 'udp', server: group, sizeBytes: packet.length, startMs }))!)
      const denied = type === TYPE.AAAA && /(^|\.)(cluster\.local|example\.org)\.$/i.test(name)
      const reply = decodeMessage(full)
      assert.deepEqual([reply.rcode, reply.aa, reply.answers.length], [0, true, denied ? 0 : 1], name)
      if (fast === undefined) return assert.ok(!denied)
      quick++
      assert.equal(fast.toString('hex'), full.toString('hex'))
    }), { numRuns: 500 })
    assert.ok(quick > 50)
  })

  test('every query that it answers counts once, whichever way it goes', async () => {
    const count = async () => Number(/hearth_no_aaaa_saved_queries_total\{.*\} (\d+)/.exec(await server.metrics.expose())?.[1] ?? 0)
    const before = await count()
    const message = new Message()
    Object.assign(message, { id: 7, questions: [{ name: 'a.cluster.local.', type: TYPE.AAAA, class: 1 }] })
    const packet = encodeMessage(message)
    assert.equal(answerQuickly(server.generation.wanted[0]!.group, packet, 0, packet.length, 'udp', CLIENT, 0), DONE)
    await server.ask('a.cluster.local. AAAA')
    await server.ask('a.cluster.local. A')
    await server.ask('a.elsewhere. AAAA')
    assert.equal(await count() - before, 2)
  })

  test('leaves other classes alone, and the block to the packet cache', async () => {
    assert.equal((await server.ask('a.cluster.local. CH AAAA'))?.answers.length ?? 0, 0)
    assert.equal((await server.ask('a.cluster.local. CH AAAA'))!.rcode, 5)
    assert.equal(describeFastPath(server.generation.blocks[0]!), 'served by the packet cache')
  })

  test('zones that are none are refused with their place', async () => {
    await assert.rejects(() => testServer('. {\nno_aaaa bad..zone\n}', { plugins: PLUGINS }), /Corefile:2:9: no_aaaa: "bad\.\.zone" is not a domain name/)
  })
})
