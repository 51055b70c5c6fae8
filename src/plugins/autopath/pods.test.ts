import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { ApiServerStandIn, type ApiObject } from '../../../test/support/api-server/index.ts'
import { until } from '../../../test/support/until.ts'
import { lines, scripted, testServer, type TestServer } from '../../../test/support/world.ts'
import { DONE } from '../../core/plugin.ts'
import { RCODE, rcodeName } from '../../wire/codes.ts'
import { lowerName } from '../../wire/name.ts'
import { parseRecord } from '../../wire/record.ts'
import { autopathPlugin } from './index.ts'

/** Everything is in `.`, and nothing in a search domain. */
const beyond = scripted((q) => {
  const name = lowerName(q.question.name)
  q.begin(name === 'www.example.org.' ? RCODE.NOERROR : RCODE.NXDOMAIN)
  if (name === 'www.example.org.') q.reply.answers = [parseRecord('www.example.org. 60 IN A 192.0.2.1')]
  return DONE
})
const PLUGINS = [autopathPlugin, beyond]
const ASKED = 'www.example.org.shop.svc.cluster.local. A'
const FOUND = ['www.example.org.shop.svc.cluster.local. 60 IN CNAME www.example.org.', 'www.example.org. 60 IN A 192.0.2.1']

function pod(name: string, ip: string, namespace = 'shop', node = 'worker-1', phase = 'Running'): ApiObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec: { nodeName: node }, status: { podIP: ip, phase } }
}

describe('autopath @pods, with an API server', () => {
  let api: ApiServerStandIn
  let server: TestServer

  beforeEach(async () => {
    api = await ApiServerStandIn.open()
    for (const each of [pod('web', '10.1.2.3'), pod('six', 'fd00::23'), pod('far', '10.1.9.9', 'shop', 'worker-2'), pod('done', '10.1.2.9', 'shop', 'worker-1', 'Succeeded')]) api.apply(each)
    for (const namespace of ['kube-system', 'shop']) api.apply(pod(`host-${namespace}`, '10.0.0.1', namespace))
    server = await open()
    await until(() => server.log.lines.some((line) => line.includes('pods are synced')))
  })

  afterEach(async () => {
    await server.stop()
    server.clock.advance(60_000)
    await api.close()
  })

  const open = (rest = '') => testServer(`. {\nautopath cluster.local @pods {\nendpoint ${api.url}\n${rest}\n}\nwhoami\n}`, { plugins: PLUGINS, environment: { NODE_NAME: 'worker-1' } })
  const ask = async (client: string, text = ASKED) => {
    const reply = (await server.ask(text, { client }))!
    return reply.rcode === RCODE.NOERROR ? lines(reply.answers) : [rcodeName(reply.rcode)]
  }

  test('watches the Pods of this node and no others', () => {
    const selectors = api.requests.filter((request) => request.includes('/pods?')).map((request) => new URL(request.replace(/^\S+ /, ''), api.url).searchParams.get('fieldSelector'))
    assert.deepEqual([...new Set(selectors)], ['status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown,spec.nodeName=worker-1'])
    assert.ok(api.requests.every((request) => request.includes('/pods?')), api.requests.join('\n'))
  })

  test('walks for Pods of this node, each with the list of its namespace', async () => {
    assert.deepEqual(await ask('10.1.2.3'), FOUND)
    assert.deepEqual(await ask('fd00::23'), FOUND)
    assert.deepEqual(await ask('10.1.2.3', 'www.example.org.other.svc.cluster.local. A'), ['NXDOMAIN'])
    assert.deepEqual(await ask('10.1.2.3', 'WWW.example.org.SHOP.svc.cluster.local. A'), ['WWW.example.org.SHOP.svc.cluster.local. 60 IN CNAME www.example.org.', FOUND[1]])
  })

  test('not for Pods of other nodes, those that have ended, and who is no Pod', async () => {
    for (const client of ['10.1.9.9', '10.1.2.9', '192.0.2.9']) assert.deepEqual(await ask(client), ['NXDOMAIN'], client)
  })

  test('Pods on the host\'s network share its address: the name tells which of them asks', async () => {
    assert.deepEqual(await ask('10.0.0.1'), FOUND)
    assert.deepEqual(await ask('10.0.0.1', 'www.example.org.kube-system.svc.cluster.local. A').then((all) => all.length), 2)
    assert.deepEqual(await ask('10.0.0.1', 'www.example.org.other.svc.cluster.local. A'), ['NXDOMAIN'])
  })

  test('Pods come and go', async () => {
    assert.deepEqual(await ask('10.1.2.4'), ['NXDOMAIN'])
    api.apply(pod('new', '10.1.2.4'))
    api.remove('Pod', 'shop', 'web')
    await until(async () => (await ask('10.1.2.4')).length === 2 && (await ask('10.1.2.3')).length === 1)
  })

  test('counts what clients need not ask', async () => {
    await ask('10.1.2.3')
    await ask('192.0.2.9')
    const text = await server.metrics.expose()
    assert.match(text, /hearth_autopath_saved_queries_total\{server="dns:\/\/:53"\} 3\n/)
    assert.match(text, /coredns_autopath_success_total\{server="dns:\/\/:53"\} 1\n/)
  })

  test('shows its state, and explains who asks', () => {
    const [stage] = server.generation.blocks[0]!.stages
    const [state] = stage!.states!()
    assert.ok(state?.kind === 'cluster' && state.synced)
    assert.equal(state.counts.Pod, 4)
    assert.equal(state.source, `${api.url}, Pods of worker-1`)
  })

  test('while the API server does not answer, names are answered as they are', async () => {
    const other = await testServer('. {\nautopath cluster.local @pods {\nendpoint http://127.0.0.77:1\n}\nwhoami\n}', { plugins: PLUGINS, environment: { NODE_NAME: 'worker-1' } })
    assert.equal((await other.ask(ASKED, { client: '10.1.2.3' }))!.rcode, RCODE.NXDOMAIN)
    await other.stop()
    other.clock.advance(60_000)
  })

  test('a node without a name, and options without @pods, are refused with their place', async () => {
    await assert.rejects(() => testServer('. {\nautopath @pods {\nendpoint http://127.0.0.77:1\n}\n}', { plugins: PLUGINS }), /Corefile:2:10: autopath: @pods needs the name of this node/)
    await assert.rejects(() => testServer('. {\nautopath @search {\nnode x\n}\n}', { plugins: PLUGINS }), /Corefile:3:1: autopath: unknown property 'node'/)
    await assert.rejects(() => testServer('. {\nautopath @pods {\nnode a\n}\n}', { plugins: PLUGINS }), /autopath: @pods: not in a cluster: .*KUBERNETES_SERVICE_HOST/)
  })
})
