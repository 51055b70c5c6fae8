/** Both ways through the stage give the same octets, for recorded questions and for any questions about any objects. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { ADDRESSES, arbitraryObject, NAMESPACES, SERVICES } from '../../../test/support/cluster-objects.ts'
import { testServer, type TestServer } from '../../../test/support/world.ts'
import type { ClusterHub } from '../../cluster/hub.ts'
import type { ClusterIndex } from '../../cluster/index.ts'
import type { Kind } from '../../cluster/objects.ts'
import { sourceKey } from '../../cluster/source/open.ts'
import type { Source } from '../../cluster/source/source.ts'
import type { World } from '../../core/build.ts'
import { DONE } from '../../core/plugin.ts'
import { QuickQuestion } from '../../core/quick-question.ts'
import { QuickReply } from '../../core/quick-reply.ts'
import { reverseName } from '../../core/reverse.ts'
import { parseIp } from '../../base/ip.ts'
import { decodeMessage } from '../../wire/decode.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { parseType, TYPE } from '../../wire/codes.ts'
import { Message } from '../../wire/message.ts'
import { kubernetesPlugin } from './index.ts'

const RECORDED = fileURLToPath(new URL('../../../test/conformance/kubernetes/', import.meta.url))
const question = new QuickQuestion()
const reply = new QuickReply()

/** The octets of the quick way; undefined when the query goes the ordinary way. */
function quickly(server: TestServer, packet: Uint8Array, protocol: 'udp' | 'tcp'): Uint8Array | undefined {
  question.protocol = protocol
  if (!question.read(packet, 0, packet.length)) return undefined
  reply.begin(question)
  if (server.generation.blocks[0]!.chain.quick(question, reply) !== DONE) return undefined
  reply.finish(question)
  return reply.bytes.slice(0, reply.length)
}

async function inFull(server: TestServer, packet: Uint8Array, protocol: 'udp' | 'tcp'): Promise<Uint8Array | undefined> {
  const { group } = server.generation.wanted[0]!
  const peer = { address: '10.0.0.1', port: 40_000, family: 1 } as const
  return group.answer(decodeMessage(packet), { client: peer, local: peer, protocol, server: group, sizeBytes: packet.length, startMs: 0 })
}

/** Asks both ways; true when the quick one answered. */
async function compare(server: TestServer, name: string, type: number, protocol: 'udp' | 'tcp' = 'udp', edns = false): Promise<boolean> {
  const message = new Message()
  Object.assign(message, { id: 4711, rd: true, questions: [{ name, type, class: 1 }] })
  if (edns) message.edns = { udpSize: 1232, version: 0, do: true, z: 0, options: [] }
  const packet = encodeMessage(message)
  const quick = quickly(server, packet, protocol)
  if (quick === undefined) return false
  const full = await inFull(server, packet, protocol)
  assert.deepEqual(decodeMessage(quick), decodeMessage(full!), `${name} ${type}`)
  assert.deepEqual(Buffer.from(quick).toString('hex'), Buffer.from(full!).toString('hex'), `${name} ${type}`)
  return true
}

describe('recorded questions', () => {
  const servers: TestServer[] = []
  after(async () => {
    for (const server of servers) {
      await server.stop()
      // The index outlives its last user for a while.
      server.clock.advance(20_000)
    }
  })

  for (const path of globSync(join(RECORDED, 'corefiles/*.Corefile'))) {
    const [directive] = /kubernetes[^{\n]*\{ *\n[^}]*\}/.exec(readFileSync(path, 'utf8').replaceAll('kubeconfig {kubeconfig}', `objects ${join(RECORDED, 'objects')}`)) ?? []
    if (directive === undefined) continue
    test(basename(path), async () => {
      const server = await testServer(`. {\n${directive}\n}\n`, { plugins: [kubernetesPlugin], interfaces: [{ link: 'eth0', address: '10.1.1.1', loopback: false }] })
      servers.push(server)
      let quick = 0
      const questions = RECORDED_QUESTIONS.filter(({ name }) => directive.includes('clusterset') || !/clusterset\.local\.$/i.test(name))
      for (const { name, type } of questions) if (await compare(server, name, type)) quick++
      // `ignore empty_service` leaves services to the ordinary way.
      assert.ok(quick > questions.length / 5, `${quick} of ${questions.length} went the quick way`)
    })
  }
})

const RECORDED_QUESTIONS = [...new Map(globSync(join(RECORDED, 'cases/*.json')).flatMap((path) => {
  const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: { q?: { name: string; type: string } }[] }
  return cases.flatMap(({ q }) => (q === undefined ? [] : [[`${q.name} ${q.type}`, { name: q.name, type: parseType(q.type) ?? TYPE.A }] as const]))
})).values()]

describe('any questions about any objects', () => {
  const cases = fc.constantFrom((text: string) => text, (text: string) => text.toUpperCase(), (text: string) => text.replace('c', 'C'))
  const label = fc.constantFrom('', 'a', 'b-0', 'host', 'east', '10-0-0-1', '10-0-0-2', 'fd00--1', '_http', '_', 'dns', 'http', '_dns', '_tcp', '_udp', '1-2-3-400', '01-2-3-4', 'a.b')
  const inner = fc.tuple(fc.array(label, { maxLength: 3 }), fc.constantFrom('', ...SERVICES, '10-0-0-1', '10-0-0-3'), fc.constantFrom('', ...NAMESPACES, 'none'), fc.constantFrom('svc', 'pod', 'svc', 'ns.dns', 'other', ''))
    .map(([tail, first, namespace, kind]) => [...tail, first, namespace, kind].filter((part) => part !== '').join('.'))
  const zone = fc.constantFrom('cluster.local.', 'b.example.', 'clusterset.local.', 'elsewhere.')
  const forward = fc.tuple(inner, zone, cases).map(([left, right, change]) => change(left === '' ? right : `${left}.${right}`))
  const backward = fc.tuple(fc.constantFrom(...ADDRESSES, '10.9.9.9', 'fd00::99'), cases).map(([ip, change]) => change(reverseName(parseIp(ip)!)))
  const partial = fc.constantFrom('10.in-addr.arpa.', 'in-addr.arpa.', 'a.0.0.10.in-addr.arpa.', '1.0.0.010.in-addr.arpa.', '0.d.f.ip6.arpa.', 'svc.in-addr.arpa.')
  const asked = fc.record({ name: fc.oneof({ weight: 5, arbitrary: forward }, backward, partial), type: fc.constantFrom(TYPE.A, TYPE.A, TYPE.AAAA, TYPE.SRV, TYPE.PTR, TYPE.HTTPS, TYPE.MX, TYPE.CNAME, TYPE.TXT, TYPE.SOA), protocol: fc.constantFrom('udp', 'tcp'), edns: fc.boolean() })
  const options = fc.record({
    pods: fc.constantFrom('disabled', 'insecure', 'verified'),
    more: fc.subarray(['endpoint_pod_names', 'zonal', 'ignore empty_service', 'namespaces shop odd', 'ttl 600', 'fallthrough in-addr.arpa b.example'], { maxLength: 2 }),
  })

  test('give the same octets', async () => {
    let quick = 0
    let all = 0
    await fc.assert(fc.asyncProperty(options, fc.array(arbitraryObject(), { maxLength: 25 }), fc.array(asked, { minLength: 20, maxLength: 60 }), async ({ pods, more }, objects, questions) => {
      const { server, index } = await serverWith(`pods ${pods}\n${more.join('\n')}`, pods === 'verified')
      for (const object of objects) index.put(object)
      for (const { name, type, protocol, edns } of questions) {
        all++
        if (await compare(server, name, type, protocol as 'udp' | 'tcp', edns)) quick++
      }
      await server.stop()
    }), { numRuns: 150 })
    assert.ok(quick > all / 6, `${quick} of ${all} went the quick way`)
  })

  test('nothing is answered before the index is in sync', async () => {
    const { server, source } = await serverWith('', false)
    source.synced = false
    assert.equal(await compare(server, 'cart.shop.svc.cluster.local.', TYPE.A), false)
    await server.stop()
  })
})

/** A server whose index is filled by hand. */
async function serverWith(options: string, pods: boolean): Promise<{ server: TestServer; index: ClusterIndex; source: { synced: boolean } }> {
  const server = await testServer(`. {\nkubernetes cluster.local b.example clusterset.local in-addr.arpa ip6.arpa {\nobjects /none\nmulticluster clusterset.local\n${options}\n}\n}\n`, { plugins: [kubernetesPlugin], start: false })
  const { world } = server as unknown as { readonly world: World }
  const hub = world.shared.get('cluster hub') as ClusterHub
  const source: Source & { synced: boolean } = { synced: true, start: () => Promise.resolve(), stop: () => Promise.resolve() }
  const kinds: Kind[] = ['Namespace', 'Service', 'EndpointSlice', ...(pods ? ['Pod' as const] : []), 'ServiceImport', 'ImportedSlice']
  const feed = await hub.acquire(`${sourceKey({ kind: 'objects', paths: ['/none'] }, { kinds, labels: undefined, namespaceLabels: undefined })} `, () => source)
  await server.generation.start()
  return { server, index: feed.index, source }
}
