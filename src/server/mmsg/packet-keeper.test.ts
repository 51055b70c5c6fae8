import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryLog } from '../../base/log.ts'
import { QuickQuestion } from '../../core/quick-question.ts'
import { QuickReply } from '../../core/quick-reply.ts'
import type { Kept } from '../../core/quick.ts'
import { cachePlugin } from '../../plugins/cache/index.ts'
import { hostsPlugin } from '../../plugins/hosts/index.ts'
import { prometheusPlugin } from '../../plugins/prometheus/index.ts'
import { answer, packetFor } from '../../../test/support/packet-desk.ts'
import { testServer, type TestServer } from '../../../test/support/world.ts'
import { PacketKeeper } from './packet-keeper.ts'
import { PacketMemory } from './packet-memory.ts'
import { PacketReader } from './packet-reader.ts'
import { PacketStore } from './packet-store.ts'
import { ROWS_LIMIT, TallyMemory } from './tally-memory.ts'

const KEY = { k0: 1, k1: 2 }
const RELOADS = 300

describe('counters of the packet cache', () => {
  const log = new MemoryLog()
  const memory = new PacketMemory(1024)
  const tallies = new TallyMemory()
  const keeper = new PacketKeeper(new PacketStore(memory, KEY), [tallies], log)
  const reader = new PacketReader(memory, KEY)

  const corefile = (zone: string) => `${zone}:53 {\n prometheus 127.0.0.1:0\n cache\n hosts {\n  10.0.0.1 a.${zone}\n }\n}\n`
  const start = (zone: string) => testServer(corefile(zone), { plugins: [cachePlugin, hostsPlugin, prometheusPlugin] })

  /** Stores an answer for a generation. */
  function keep(server: TestServer, name: string): number {
    const { group } = server.generation.wanted[0]!
    const packet = packetFor(name)
    const question = new QuickQuestion()
    question.read(packet.bytes, 0, packet.length)
    const reply = new QuickReply()
    reply.begin(question)
    reply.answers = 1
    reply.append(Uint8Array.of(...question.name.slice(0, question.nameLength), 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1))
    const kept: Kept = { untilMs: Infinity, storedMs: 0, ttl: 60, authentic: false, denial: false, pauseMs: 0, places: [] }
    reply.kept = kept
    reply.answeredAt = group.blocks[0]!.chain.stages.findIndex((stage) => stage.name === 'cache')
    keeper.keep(question, reply, group, group.blocks[0]!)
    return group.scope
  }

  /** Answers as a worker does, and counts it. */
  function ask(name: string, scope: number): boolean {
    const packet = packetFor(name)
    const size = answer(reader, packet, scope)
    if (size === 0) return false
    const question = new QuickQuestion()
    question.read(packet.bytes, 0, packet.length)
    tallies.count(reader.row, question, reader.rcode, reader.denial, size)
    return true
  }

  test('reloads with other zones each time go on being served and counted, more of them than there are rows', async () => {
    assert.ok(RELOADS > ROWS_LIMIT)
    for (let i = 0; i < RELOADS; i++) {
      const server = await start(`zone${i}.example`)
      const scope = keep(server, `a.zone${i}.example.`)
      for (let hit = 0; hit <= i % 3; hit++) assert.ok(ask(`a.zone${i}.example.`, scope), `reload ${i} is not served`)
      keeper.count()
      assert.equal(server.metrics.sum('coredns_dns_requests_total'), 1 + (i % 3), `reload ${i} is counted wrongly`)
      keeper.retire([scope])
    }
    assert.deepEqual(log.lines, [])
  })

  test('what is counted at the last moment goes to whom it was counted for', async () => {
    const server = await start('last.example')
    const scope = keep(server, 'a.last.example.')
    ask('a.last.example.', scope)
    keeper.retire([scope])
    assert.equal(server.metrics.sum('coredns_dns_requests_total'), 1)
  })

  test('a row that another group still uses stays', async () => {
    const [first, second] = [await start('shared.example'), await start('shared.example')]
    const scopes = [keep(first, 'a.shared.example.'), keep(second, 'a.shared.example.')]
    keeper.retire([scopes[0]!])
    ask('a.shared.example.', scopes[1]!)
    keeper.count()
    assert.equal(second.metrics.sum('coredns_dns_requests_total'), 1)
  })

  test('more zones at a time than there are rows: the rest is not served, and said', async () => {
    const servers = await Promise.all(Array.from({ length: ROWS_LIMIT + 1 }, (_, i) => start(`many${i}.example`)))
    const served = servers.filter((server, i) => ask(`a.many${i}.example.`, keep(server, `a.many${i}.example.`)))
    assert.ok(served.length < ROWS_LIMIT + 1 && served.length > ROWS_LIMIT - 5, String(served.length))
    assert.ok(log.lines.some((line) => line.includes('not served by the packet cache')), log.lines.join('\n'))
  })
})
