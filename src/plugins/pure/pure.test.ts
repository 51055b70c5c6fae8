import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { ScriptedUpstream } from '../../../test/support/scripted-upstream.ts'
import { testServer, type TestServer } from '../../../test/support/world.ts'
import { until } from '../../../test/support/until.ts'
import { isImpossible } from '../../cluster/purity.ts'
import { QuickQuestion } from '../../core/quick-question.ts'
import { NEXT } from '../../core/plugin.ts'
import { peerOf } from '../../server/peer.ts'
import { RCODE, TYPE } from '../../wire/codes.ts'
import { decodeMessage } from '../../wire/decode.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { lowerName } from '../../wire/name.ts'
import { Message } from '../../wire/message.ts'
import { PLUGINS } from '../index.ts'

const PEER = peerOf('10.0.0.1', 40_000)
const OBJECTS = 'apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: shop }\nspec: { clusterIP: 10.96.0.7, ports: [{ name: http, port: 80 }] }\n'

describe('pure, with a resolver like hearth-cluster behind it', () => {
  let folder: string
  const servers: TestServer[] = []
  let resolver: TestServer
  let upstream: ScriptedUpstream

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-pure-'))
    writeFileSync(join(folder, 'web.yaml'), OBJECTS)
    upstream = await ScriptedUpstream.open((asked) => void answer(resolver, encodeMessage(asked.query), asked.protocol === 'udp' ? 'udp' : 'tcp').then((octets) => asked.send(octets!)))
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      await server.stop()
      server.clock.advance(60_000)
    }
    upstream.asked.splice(0)
  })
  after(() => {
    upstream.close()
    rmSync(folder, { recursive: true })
  })

  async function open(corefile: string): Promise<TestServer> {
    const server = await testServer(corefile, { plugins: PLUGINS, random: [0.1, 0.7, 0.3, 0.9, 0.5] })
    servers.push(server)
    return server
  }

  const resolve = async (rest = '', options = '', blocks = '') => {
    resolver = await open(`. {\nerrors\nkubernetes cluster.local in-addr.arpa {\nobjects ${folder}\nttl 30\n${options}\n}\nprometheus\nloop\nloadbalance\n${rest}\n}\n${blocks}`)
  }
  const agent = (line = 'pure cluster.local') => open(`. {\nerrors\n${line}\nforward . ${upstream.address}\n}`)
  const names = () => upstream.asked.map((asked) => asked.query.questions[0]!.name)
  const saved = async (server: TestServer) => Number(/hearth_pure_saved_queries_total\{.*\} (\d+)/.exec(await server.metrics.expose())?.[1] ?? 0)

  /** Two questions: the first makes the agent ask what the upstream says, the second shows what came of it. */
  async function learn(server: TestServer): Promise<boolean> {
    await server.ask('a.cluster.local. A')
    await until(() => names().some((name) => name.includes('._hearth.')))
    await new Promise((resolve) => setTimeout(resolve, 20))
    const before = names().length
    await server.ask('b.cluster.local. A')
    return names().length === before
  }

  test('gives the octets that the resolver gives, for any name that no object can have, and asks nobody', async () => {
    await resolve()
    const plain = await agent('')
    const server = await agent()
    assert.ok(await learn(server))
    const label = fc.constantFrom('a', 'svc', 'pod', 'SVC', 'shop', 'x'.repeat(63), 'org', '_zone', 'pin', 'dns-version', '_http')
    const name = fc.tuple(fc.array(label, { minLength: 1, maxLength: 3 }), fc.constantFrom('x', 'org', 'svcs', 'dns', 'a.b.c.shop.svc', 'ns.dns', 'dns-version'), fc.constantFrom('cluster.local.', 'Cluster.LOCAL.'))
      .map(([labels, end, zone]) => `${[...labels, end].join('.')}.${zone}`)
    let denied = 0
    await fc.assert(fc.asyncProperty(name, fc.constantFrom(1, 28, 5, 12, 15, 16, 33, 64, 65), fc.record({ rd: fc.boolean(), cd: fc.boolean(), ad: fc.boolean() }), fc.option(fc.record({ udpSize: fc.constantFrom(512, 1232, 4096), do: fc.boolean() }), { nil: undefined }), fc.constantFrom('udp' as const, 'tcp' as const), async (asked, type, flags, edns, protocol) => {
      const message = new Message()
      Object.assign(message, { id: 4711, ...flags, questions: [{ name: asked, type, class: 1 }] })
      if (edns !== undefined) message.edns = { ...edns, version: 0, z: 0, options: [{ code: 10, data: new Uint8Array(8).fill(7) }] }
      const packet = encodeMessage(message)
      const before = names().length
      const ours = Buffer.from((await answer(server, packet, protocol))!)
      if (names().length > before) return
      denied++
      assert.equal(decodeMessage(ours).rcode, RCODE.NXDOMAIN)
      const theirs = Buffer.from((await answer(plain, packet, protocol))!)
      assert.equal(ours.toString('hex'), theirs.toString('hex'), `${asked} ${type} ${protocol}`)
    }), { numRuns: 300 })
    assert.ok(denied > 200, `${denied} were denied`)
    assert.equal(await saved(server), denied + 1)
  })

  test('leaves alone what an object may be called, and what the resolver answers besides', async () => {
    await resolve()
    const server = await agent()
    assert.ok(await learn(server))
    for (const asked of ['web.shop.svc.cluster.local. A', '_http._tcp.web.shop.svc.cluster.local. SRV', 'a.pin._zone.web.shop.svc.cluster.local. A', 'dns-version.cluster.local. TXT', 'ns.dns.cluster.local. A',
      'cluster.local. SOA', 'x.cluster.local. SOA', 'x.cluster.local. NS', 'x.cluster.local. ANY', 'svc.cluster.local. A', 'x._hearth.cluster.local. TXT', 'www.example.org. A', 'x.cluster.local. CH TXT']) {
      const before = names().length
      await server.ask(asked)
      assert.equal(names().length, before + 1, asked)
    }
  })

  test('ends within thirty seconds when the resolver is not pure any more, and not because it cannot be asked', async () => {
    await resolve()
    const server = await agent()
    assert.ok(await learn(server))
    await resolve('rewrite name suffix .example. .cluster.local.')
    server.clock.advance(30_000)
    const before = names().length
    await server.ask('c.cluster.local. A')
    assert.ok(names().length > before)
    assert.equal(await learn(server), false)
  })

  test('is refreshed in time while such names come, with the serial of the day', async () => {
    await resolve()
    const server = await agent()
    assert.ok(await learn(server))
    resolver.clock.advance(3000)
    writeFileSync(join(folder, 'more.yaml'), OBJECTS.replace('web', 'more'))
    await until(() => resolver.clock.advance(100) ?? resolver.generation.blocks[0]!.stages.some((stage) => stage.states?.().some((state) => state.kind === 'cluster' && state.counts.Service === 2)))
    for (let passed = 0; passed < 120_000; passed += 5000) {
      server.clock.advance(5000)
      const before = names().filter((name) => !name.includes('._hearth.')).length
      await server.ask('d.cluster.local. A')
      assert.equal(names().filter((name) => !name.includes('._hearth.')).length, before, `after ${passed} ms`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const soa = (each: TestServer) => each.ask('d.cluster.local. A').then((reply) => Buffer.from(reply!.authorities[0]!.rdata).toString('hex'))
    assert.equal(await soa(server), await soa(await agent('')))
    assert.ok(names().filter((name) => name.includes('._hearth.')).length <= 8)
  })

  for (const [why, ...rest] of [
    ['an upstream that does not know of it', 'template IN ANY cluster.local {\nrcode NXDOMAIN\nauthority "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30"\n}'],
    ['rewrite', 'rewrite name a.example. b.cluster.local.'], ['hosts', 'hosts {\n192.0.2.1 a.cluster.local\nfallthrough\n}'], ['header', 'header {\nresponse set ra\n}'], ['acl', 'acl {\nallow\n}'], ['autopath', 'autopath @kubernetes'],
    ['fallthrough', '', 'fallthrough'], ['fallthrough of the zone', '', 'fallthrough cluster.local'], ['fallthrough within the zone', '', 'fallthrough x.cluster.local'],
    ['another block within the zone', '', '', 'corp.cluster.local {\ntemplate IN A {\nanswer "{{ .Name }} 60 IN A 192.0.2.9"\n}\n}'],
  ] as const) {
    test(`nothing is denied with ${why}`, async () => {
      await resolve(...rest)
      assert.equal(await learn(await agent()), false)
    })
  }

  test('fallthrough of reverse zones, as in kubeadm\'s Corefile, leaves a zone pure', async () => {
    await resolve('cache 30', 'fallthrough in-addr.arpa ip6.arpa', '10.in-addr.arpa {\ncache\n}')
    assert.equal(await learn(await agent()), true)
  })

  test('while the resolver cannot be asked, what it said holds until its time is over', async () => {
    await resolve()
    const server = await agent()
    assert.ok(await learn(server))
    const { answered } = { answered: resolver }
    resolver = await open('. {\ncache\n}')
    server.clock.advance(25_000)
    const reply = await server.ask('e.cluster.local. A')
    assert.equal(reply!.rcode, RCODE.NXDOMAIN)
    resolver = answered
  })

  test('is refused for zones that cannot be pure, and a resolver never calls them so', async () => {
    for (const zone of ['.', 'in-addr.arpa', '10.in-addr.arpa', 'ip6.arpa']) await assert.rejects(() => agent(`pure ${zone}`), /Corefile:3:1: pure: reverse zones and the root are never pure/, zone)
    await resolve()
    assert.deepEqual((await resolver.ask('x._hearth.in-addr.arpa. TXT'))!.additionals, [])
    assert.equal((await resolver.ask('x._hearth.cluster.local. TXT'))!.additionals.length, 1)
  })

  test('its quick way passes no name that no object can have', async () => {
    const server = await agent()
    const { quick } = server.generation.blocks[0]!.chain.stages.find((stage) => stage.name === 'pure')!
    const label = fc.constantFrom('a', 'svc', 'pod', 'SVC', 'shop', 'cluster', 'local', '_zone', 'pin', 'dns', 'ns')
    fc.assert(fc.property(fc.array(label, { maxLength: 7 }), fc.constantFrom('', 'cluster.local.', 'svc.cluster.local.', 'Cluster.LOCAL.'), (labels, end) => {
      const name = `${labels.map((each) => `${each}.`).join('')}${end}` || '.'
      const message = new Message()
      message.questions = [{ name, type: TYPE.A, class: 1 }]
      const packet = encodeMessage(message)
      const question = new QuickQuestion()
      assert.ok(question.read(packet, 0, packet.length))
      const below = /(^|\.)cluster\.local\.$/i.test(name)
      if (quick!.query!(question, undefined as never) === NEXT) assert.ok(!below || !isImpossible(lowerName(name), 'cluster.local.'), name)
    }))
  })
})

function answer(server: TestServer, packet: Uint8Array, protocol: 'udp' | 'tcp'): Promise<Uint8Array | undefined> {
  const { group } = server.generation.wanted[0]!
  return Promise.resolve(group.answer(decodeMessage(packet), { client: PEER, local: PEER, protocol, server: group, sizeBytes: packet.length, startMs: server.clock.nowMs() }))
}
