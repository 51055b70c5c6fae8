import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Explanation } from '../admin/explanation.ts'
import { Refusal } from '../admin/view.ts'
import type { TraceStep } from '../core/trace.ts'
import { PLUGINS } from '../plugins/index.ts'
import { ScriptedUpstream } from '../../test/support/scripted-upstream.ts'
import { scripted, testServer, type TestServer } from '../../test/support/world.ts'
import { explainQuery, explainSearch, searchNames } from './explain.ts'

const MANIFESTS = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.96.0.7, selector: { app: web }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: shop, labels: { app: web } }
status: { podIP: 10.244.0.9, phase: Running, conditions: [{ type: Ready, status: "True" }] }
`

const echoed = { has: () => false }

function explain(server: TestServer, name: string, more: { type?: string; client?: string; server?: string } = {}): Promise<Explanation> {
  return explainQuery({ name, type: 'A', client: '10.0.0.1', protocol: 'udp', dnssec: false, server: '', ...more }, server.generation, { clock: server.clock, echoed })
}

const stepOf = (explanation: Explanation, stage: string): TraceStep => explanation.steps.find((step) => step.stage === stage)!

async function withServer(corefile: string, use: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await testServer(corefile, { plugins: PLUGINS })
  try {
    await use(server)
  } finally {
    await server.stop()
  }
}

async function withCluster(use: (server: TestServer) => Promise<void>, options = ''): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-explain-'))
  writeFileSync(join(folder, 'shop.yaml'), MANIFESTS)
  try {
    await withServer(`. {\nautopath @kubernetes\nkubernetes cluster.local in-addr.arpa {\nobjects ${folder}\n${options}\n}\nhosts {\n10.9.9.9 www.example.com\nfallthrough\n}\n}`, use)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('explain', () => {
  test('cache: a miss that is kept, then a hit with its key, TTL left, hits and end of staleness', () => withServer('. {\ncache 30 {\nserve_stale 1h\n}\nhosts {\n10.1.1.1 a.example\nttl 20\n}\n}', async (server) => {
    const first = stepOf(await explain(server, 'A.example.'), 'cache')
    assert.equal(first.facts['state'], 'miss')
    assert.ok(first.learned.includes('state: miss → hit'), String(first.learned))
    server.clock.advance(5000)
    const second = await explain(server, 'a.example')
    const cache = stepOf(second, 'cache')
    assert.deepEqual(cache.facts, { state: 'hit', key: '0 1 1 a.example.', store: 'success', 'ttl left': '15 of 20 s', hits: 0, 'stale until': '3615 s from now' })
    assert.equal(cache.verdict, 'done')
    assert.equal(second.answeredBy, 'cache')
    assert.deepEqual(second.answers, ['a.example.\t15\tIN\tA\t10.1.1.1'])
    assert.equal(stepOf(await explain(server, 'a.example'), 'cache').facts['hits'], 1)
    server.clock.advance(20_000)
    assert.equal(stepOf(await explain(server, 'a.example'), 'cache').facts['state'], 'stale')
  }))

  test('rewrite: the question it makes, and the one it gives back', () => withServer('. {\nrewrite name exact a.example b.example answer auto\nhosts {\n10.1.1.1 b.example\n}\n}', async (server) => {
    const step = stepOf(await explain(server, 'a.example'), 'rewrite')
    assert.deepEqual(step.changed, ['question: a.example. A → b.example. A'])
    assert.ok(step.changedReply.some((text) => text === 'question: b.example. A → a.example. A'), String(step.changedReply))
  }))

  test('forward: each upstream tried, how, how long, what came', async () => {
    const upstream = await ScriptedUpstream.open((asked) => asked.answer([`${asked.query.questions[0]!.name} 60 IN A 10.2.2.2`]))
    try {
      await withServer(`. {\nforward . ${upstream.address}\n}`, async (server) => {
        const step = stepOf(await explain(server, 'x.example'), 'forward')
        assert.deepEqual(step.attempts.map(({ to, protocol, outcome }) => ({ to, protocol, outcome })), [{ to: upstream.address, protocol: 'udp', outcome: 'NOERROR' }])
      })
    } finally {
      upstream.close()
    }
  })

  test('kubernetes: the records of the index; autopath: the questions it asks below', () => withCluster(async (server) => {
    const found = await explain(server, 'web.shop.svc.cluster.local')
    const { facts } = stepOf(found, 'kubernetes')
    assert.equal(facts['service'], 'shop/web (ClusterIP)')
    assert.deepEqual(facts['addresses'], ['10.96.0.7'])
    assert.match(String(facts['slices']), /1 ready \(10\.244\.0\.9\)/)
    const walked = await explain(server, 'www.example.com.shop.svc.cluster.local', { client: 'shop/web-1' })
    assert.equal(walked.client, '10.244.0.9')
    const below = stepOf(walked, 'autopath').asked
    assert.deepEqual(below.map((log) => log.question), ['www.example.com.shop.svc.cluster.local. A', 'www.example.com.svc.cluster.local. A', 'www.example.com.cluster.local. A', 'www.example.com. A'])
    assert.deepEqual(below.at(-1)!.steps.map((step) => step.stage), ['hosts'])
    assert.equal(stepOf(await explain(server, '10.96.0.7', { type: 'PTR' }), 'kubernetes').facts['services']?.toString(), 'shop/web')
    for (const [name, fact, text] of [['nope.shop.svc.cluster.local', 'service', /does not exist/], ['a.nope.svc.cluster.local', 'namespace', /does not exist/], ['a.cluster.local', 'name', /no name of the schema/]] as const) {
      assert.match(String(stepOf(await explain(server, name), 'kubernetes').facts[fact]), text)
    }
  }, 'pods verified'))

  test('a search list as a pod walks it, until a name has records', () => withCluster(async (server) => {
    const walked = await explainSearch({ name: 'web.shop', type: 'A', client: '10.0.0.1', protocol: 'udp', dnssec: false, server: '' }, 'shop', server.generation, { clock: server.clock, echoed, hostSearchPath: () => [] })
    assert.deepEqual(walked.map(({ question, rcode }) => `${question} ${rcode}`), ['web.shop.shop.svc.cluster.local. A NXDOMAIN', 'web.shop.svc.cluster.local. A NOERROR'])
  }))

  test('the order of names: five dots and more go first as they are, a final dot alone', () => {
    assert.deepEqual(searchNames('a.b', 'ns', 'cluster.local.', ['corp.example.']), ['a.b.ns.svc.cluster.local.', 'a.b.svc.cluster.local.', 'a.b.cluster.local.', 'a.b.corp.example.', 'a.b.'])
    assert.equal(searchNames('a.b.c.d.e.f', 'ns', 'cluster.local.', [])[0], 'a.b.c.d.e.f.')
    assert.deepEqual(searchNames('a.', 'ns', 'cluster.local.', []), ['a.'])
  })

  test('no block, a stage that throws, a stage that drops', async () => {
    await withServer('example {\nwhoami\n}', async (server) => {
      const refused = await explain(server, 'a.other')
      assert.deepEqual([refused.rcode, refused.block, refused.steps.length], ['REFUSED', '', 0])
    })
    const broken = await testServer('. {\nwhoami\n}', { plugins: [scripted(() => { throw new Error('a bug') })] })
    const failed = await explain(broken, 'a.')
    assert.deepEqual([failed.rcode, failed.steps[0]!.verdict, failed.error], ['SERVFAIL', 'failed', 'plugin/whoami: a bug'])
    const dropping = await testServer('. {\nwhoami\n}', { plugins: [scripted(() => 2)] })
    const dropped = await explain(dropping, 'a.')
    assert.deepEqual([dropped.dropped, dropped.rcode, dropped.steps[0]!.verdict], [true, '', 'drop'])
  })

  test('what makes no sense is refused with what to correct', () => withServer('. {\nwhoami\n}', async (server) => {
    for (const [name, more, text] of [['a..b', {}, /no domain name/], ['a', { type: 'NOPE' }, /no record type/], ['a', { client: 'pod' }, /give the pod's address/], ['a', { server: 'dns://:1' }, /there are dns:\/\/:53/]] as const) {
      await assert.rejects(explain(server, name, more), (error) => error instanceof Refusal && text.test(error.message))
    }
  }))
})
