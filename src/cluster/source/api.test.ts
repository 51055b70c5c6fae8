import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { MetricsRegistry } from '../../admin/metrics.ts'
import { systemClock } from '../../base/clock.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { MemoryLog } from '../../base/log.ts'
import { ApiServerStandIn, type ApiObject } from '../../../test/support/api-server/index.ts'
import { until } from '../../../test/support/until.ts'
import { ClusterIndex } from '../index.ts'
import type { Kind } from '../objects.ts'
import { parseSelector } from '../selector.ts'
import { ApiSource } from './api.ts'
import type { SourceChoice } from './source.ts'
import type { Wanted } from './source.ts'

const KINDS: readonly Kind[] = ['Service', 'EndpointSlice', 'Namespace']

function service(name: string, ip = '10.96.0.1', labels: Readonly<Record<string, string>> = {}): ApiObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop', labels }, spec: { clusterIP: ip, ports: [{ port: 80 }] } }
}

function pod(name: string, ip: string, phase = 'Running'): ApiObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' }, status: { podIP: ip, phase } }
}

describe('objects from an API server', () => {
  let server: ApiServerStandIn
  let source: ApiSource | undefined
  let index: ClusterIndex
  let log: MemoryLog
  let metrics: MetricsRegistry

  beforeEach(async () => {
    server = await ApiServerStandIn.open()
    server.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
    index = new ClusterIndex(systemClock)
    log = new MemoryLog()
    metrics = new MetricsRegistry()
  })

  afterEach(async () => {
    await source?.stop()
    await server.close()
  })

  async function start(wanted: Partial<Wanted> = {}, options: { readonly clock?: FakeClock; readonly choice?: Exclude<SourceChoice, { kind: 'objects' }> } = {}): Promise<void> {
    source = new ApiSource(options.choice ?? { kind: 'endpoint', url: server.url, tls: undefined }, { kinds: KINDS, labels: undefined, namespaceLabels: undefined, ...wanted }, {
      clock: options.clock ?? systemClock, log, metrics, random: { float: () => 0.5, int: () => 0 },
    })
    await source.start(index)
  }

  const synced = () => until(() => source!.synced)
  const has = (name: string) => index.service('shop', name) !== undefined
  const ofServices = () => server.requests.filter((request) => request.includes('/services?'))

  test('a streaming list, then what changes', async () => {
    server.apply(service('cart'))
    await start()
    await synced()
    assert.ok(has('cart'))
    assert.ok(index.hasNamespace('shop'))
    server.apply(service('web', '10.96.0.2'))
    server.remove('Service', 'shop', 'cart')
    await until(() => has('web') && !has('cart'))
    assert.equal(index.servicesOf('10.96.0.2')[0]?.name, 'web')
    assert.equal(ofServices().length, 1)
    assert.match(ofServices()[0]!, /sendInitialEvents=true/)
  })

  for (const protobuf of [true, false]) test(`pages of 500 from a server without streaming lists, in ${protobuf ? 'protobuf' : 'JSON'}`, async () => {
    await server.close()
    server = await ApiServerStandIn.open({ streamingLists: false, protobuf })
    for (let i = 0; i < 1200; i++) server.apply(service(`s${i}`, `10.97.${i >> 8}.${i & 255}`))
    await start()
    await synced()
    assert.equal(index.counts.Service, 1200)
    assert.equal(ofServices().filter((request) => request.includes('limit=500')).length, 3)
    server.apply(service('late', '10.96.0.9'))
    await until(() => has('late'))
  })

  for (const protobuf of [true, false]) test(`events cut anywhere are put together, in ${protobuf ? 'protobuf' : 'JSON'}`, async () => {
    await server.close()
    server = await ApiServerStandIn.open({ protobuf })
    server.slow = true
    server.apply(service('größe', '10.96.0.1', { note: 'ä€😀' }))
    server.apply(service('cart'))
    await start()
    await synced()
    assert.ok(has('cart'))
    assert.ok(log.lines.some((line) => line.includes('Service left out: metadata.name')))
  })

  test('a broken connection is resumed where it broke, without a list', async () => {
    server.apply(service('cart'))
    await start()
    await synced()
    server.disconnect()
    server.apply(service('web', '10.96.0.2'))
    server.remove('Service', 'shop', 'cart')
    await until(() => has('web') && !has('cart'))
    assert.equal(ofServices().filter((request) => request.includes('sendInitialEvents')).length, 1)
    assert.match(ofServices().at(-1)!, /resourceVersion=\d+/)
  })

  test('connections that are cut now and then are resumed soon each time, and it is said each time', async () => {
    await start({ kinds: ['Service'] })
    await synced()
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      server.disconnect()
      server.apply(service(name))
      await until(() => has(name), 3000)
    }
    const lines = (text: string) => log.lines.filter((line) => line.includes(text)).length
    assert.deepEqual([lines('watching services: the connection was cut; trying again'), lines('watching services again')], [6, 6])
  })

  test('a server that ends each watch at once is not stormed', async () => {
    await start({ kinds: ['Service'] })
    await synced()
    server.hangsUp = true
    server.disconnect()
    await new Promise((resolve) => setTimeout(resolve, 1500))
    assert.ok(ofServices().length < 8, `${ofServices().length} requests`)
    assert.ok(log.lines.some((line) => line.includes('the server ends the watch at once; trying again')))
    server.hangsUp = false
    server.apply(service('cart'))
    await until(() => has('cart'))
  })

  test('a version that is too old leads to a new list, and what went meanwhile is gone', async () => {
    server.apply(service('cart'))
    await start()
    await synced()
    server.fail(503, { times: 1, on: '/services' })
    server.disconnect()
    server.remove('Service', 'shop', 'cart')
    server.apply(service('web', '10.96.0.2'))
    server.compact()
    await until(() => has('web') && !has('cart'))
    assert.equal(ofServices().filter((request) => request.includes('sendInitialEvents')).length, 2)
    assert.ok(source!.synced)
  })

  test('bookmarks carry a quiet watch over a compaction', async () => {
    await start()
    await synced()
    for (let i = 0; i < 5; i++) server.apply(service(`s${i}`))
    server.compact()
    const before = server.requests.length
    // Longer than the stand-in takes from bookmark to bookmark.
    await new Promise((resolve) => setTimeout(resolve, 600))
    server.disconnect()
    await until(() => server.requests.slice(before).some((request) => request.includes('/namespaces?')))
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(server.requests.slice(before).filter((request) => request.includes('sendInitialEvents')).length, 0)
  })

  test('410 in the middle of pages begins the list anew', async () => {
    await server.close()
    server = await ApiServerStandIn.open({ streamingLists: false })
    for (let i = 0; i < 600; i++) server.apply(service(`s${i}`))
    server.fail(410, { on: 'continue=', message: 'The provided continue parameter is too old' })
    await start({ kinds: ['Service'] })
    await synced()
    assert.equal(index.counts.Service, 600)
  })

  test('403 names the role that is missing, and is tried again', async () => {
    server.fail(403, { on: '/endpointslices', message: 'endpointslices.discovery.k8s.io is forbidden' })
    await start()
    await synced()
    assert.ok(log.lines.some((line) => line === '[ERROR] listing endpointslices: HTTP 403: endpointslices.discovery.k8s.io is forbidden; the service account needs a ClusterRole with apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"]'), log.lines.join('\n'))
  })

  test('401 says that the credentials are not accepted', async () => {
    server.fail(401, { on: '/services', message: 'Unauthorized' })
    await start()
    await synced()
    assert.ok(log.lines.some((line) => line === '[ERROR] listing services: HTTP 401: Unauthorized; the credentials are not accepted'), log.lines.join('\n'))
  })

  test('429 is waited out as long as the server says', async () => {
    const clock = new FakeClock()
    server.fail(429, { on: '/services', headers: { 'retry-after': '7' } })
    await start({ kinds: ['Service'] }, { clock })
    await until(() => ofServices().length === 1 && clock.pending > 0 && log.lines.some((line) => line.includes('429')))
    clock.advance(6900)
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(ofServices().length, 1)
    clock.advance(200)
    await synced()
  })

  test('the wait grows with each failure, and the same trouble is logged once', async () => {
    const clock = new FakeClock()
    server.fail(500, { on: '/services', times: 6 })
    await start({ kinds: ['Service'] }, { clock })
    const waits: number[] = []
    for (let tries = 1; tries <= 6; tries++) {
      const failed = new RegExp(`rest_client_requests_total\\{code="500",.*\\} ${tries}$`, 'm')
      // A timer that waits is the back-off only when the failure has been counted.
      await until(async () => failed.test(await metrics.expose()) && clock.pending === 1)
      const from = clock.nowMs()
      while (clock.pending === 1 && clock.nowMs() - from < 60_000) clock.advance(100)
      waits.push(clock.nowMs() - from)
    }
    await synced()
    assert.deepEqual(waits, [400, 800, 1600, 3200, 6400, 12_800])
    assert.equal(log.lines.filter((line) => line.includes('HTTP 500')).length, 1)
  })

  test('a watch that has gone silent is given up', async () => {
    const clock = new FakeClock()
    await start({ kinds: ['Service'] }, { clock })
    await synced()
    server.silent = true
    clock.advance(151_000)
    await until(() => log.lines.some((line) => line.includes('the watch has gone silent')))
    server.silent = false
    clock.advance(1000)
    server.apply(service('cart'))
    await until(() => has('cart'))
  })

  test('what was known stays while the server is gone', async () => {
    server.apply(service('cart'))
    await start()
    await synced()
    await server.close()
    await until(() => log.lines.some((line) => line.includes('trying again')))
    assert.ok(has('cart'))
    assert.ok(source!.synced)
  })

  test('selectors: labels of objects, labels of namespaces, phases of Pods', async () => {
    server.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bank', labels: { dns: 'no' } } })
    server.apply(service('cart', '10.96.0.1', { dns: 'yes' }))
    server.apply(service('web', '10.96.0.2'))
    server.apply(pod('runs', '10.1.0.1'))
    server.apply(pod('done', '10.1.0.2', 'Succeeded'))
    await start({ kinds: [...KINDS, 'Pod'], namespaceLabels: parseSelector('dns!=no') })
    await synced()
    assert.deepEqual([index.hasNamespace('shop'), index.hasNamespace('bank')], [true, false])
    assert.deepEqual([index.podsOf('10.1.0.1').length, index.podsOf('10.1.0.2').length], [1, 0])
    server.apply(pod('runs', '10.1.0.1', 'Failed'))
    await until(() => index.podsOf('10.1.0.1').length === 0)
    await source!.stop()
    index = new ClusterIndex(systemClock)
    await start({ labels: parseSelector('dns in (yes)') })
    await synced()
    assert.deepEqual([has('cart'), has('web')], [true, false])
    server.apply(service('web', '10.96.0.2', { dns: 'yes' }))
    server.apply(service('cart', '10.96.0.1'))
    await until(() => has('web') && !has('cart'))
  })

  test('what several clusters share: ServiceImports, and slices with their label', async () => {
    const shared = (name: string, labels: Readonly<Record<string, string>>, ip: string): ApiObject => ({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name, namespace: 'shop', labels }, addressType: 'IPv4', endpoints: [{ addresses: [ip] }], ports: [] })
    const imported = (name: string, labels: Readonly<Record<string, string>> = {}): ApiObject => ({ apiVersion: 'multicluster.x-k8s.io/v1alpha1', kind: 'ServiceImport', metadata: { name, namespace: 'shop', labels }, spec: { type: 'ClusterSetIP', ips: ['10.112.0.1'], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] } })
    const label = { 'multicluster.kubernetes.io/service-name': 'cart', 'multicluster.kubernetes.io/source-cluster': 'east' }
    server.apply(imported('cart', { team: 'shop' }))
    server.apply(imported('web'))
    server.apply(shared('east', { ...label, dns: 'yes' }, '10.2.0.1'))
    server.apply(shared('hidden', label, '10.2.0.2'))
    server.apply(shared('ours', { 'kubernetes.io/service-name': 'cart', 'dns': 'yes' }, '10.1.0.1'))
    await start({ kinds: ['Namespace', 'EndpointSlice', 'ServiceImport', 'ImportedSlice'], labels: parseSelector('dns=yes') })
    await synced()
    assert.deepEqual(index.serviceImport('shop', 'cart'), { kind: 'ServiceImport', namespace: 'shop', name: 'cart', headless: false, ips: ['10.112.0.1'], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] })
    assert.deepEqual(index.importedSlices('shop', 'cart').map(({ name, cluster, addresses }) => [name, cluster, addresses[0]!.text]), [['east', 'east', '10.2.0.1']])
    assert.deepEqual(index.slices('shop', 'cart').map(({ name }) => name), ['ours'])
    const serial = index.serial
    server.remove('EndpointSlice', 'shop', 'east')
    server.remove('ServiceImport', 'shop', 'cart')
    await until(() => index.importedSlices('shop', 'cart').length === 0 && index.serviceImport('shop', 'cart') === undefined)
    assert.ok(index.importSerial > 0 && index.serial >= serial)
    await source!.stop()
    index = new ClusterIndex(systemClock)
    server.apply(imported('cart', { team: 'shop' }))
    // As in CoreDNS: they go by the labels that are meant for namespaces.
    await start({ kinds: ['ServiceImport'], namespaceLabels: parseSelector('team=shop'), labels: parseSelector('dns=yes') })
    await synced()
    assert.deepEqual(['cart', 'web'].map((name) => index.serviceImport('shop', name) !== undefined), [true, false])
  })

  test('an API server that does not know ServiceImports: all else is there, the log says what to install, and it is asked again', async () => {
    server.apply(service('cart'))
    server.fail(404, { on: 'serviceimports', times: Infinity, message: 'the server could not find the requested resource' })
    await start({ kinds: [...KINDS, 'ServiceImport', 'ImportedSlice'] })
    await until(() => has('cart') && log.lines.some((line) => line.startsWith('[ERROR] listing serviceimports: HTTP 404: the server could not find the requested resource; install the CustomResourceDefinitions of the Multi-Cluster Services API')))
    assert.equal(source!.synced, false)
    server.recover()
    await synced()
  })

  test('the time that endpoints took is counted', async () => {
    server.apply({ ...service('db', 'None'), spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ port: 1 }] } })
    await start()
    await synced()
    server.apply({
      apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', endpoints: [{ addresses: ['10.1.0.5'] }], ports: [{ port: 1 }],
      metadata: { name: 'db-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'db' }, annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': new Date(Date.now() - 1000).toISOString() } },
    })
    await until(() => index.slices('shop', 'db').length === 1)
    assert.match(await metrics.expose(), /coredns_kubernetes_dns_programming_duration_seconds_count\{service_kind="headless_with_selector"\} 1/)
    assert.match(await metrics.expose(), /coredns_kubernetes_rest_client_requests_total\{code="200",host="127\.0\.0\.1:\d+",method="GET"\} 3/)
  })

  describe('credentials', () => {
    let folder: string
    beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'hearth-api-')) })
    afterEach(() => rmSync(folder, { recursive: true }))

    const kubeconfig = (token: string) => `apiVersion: v1
kind: Config
current-context: here
clusters: [{ name: c, cluster: { server: "${server.url}" } }]
users: [{ name: u, user: { token: ${token} } }, { name: other, user: { token: wrong } }]
contexts: [{ name: here, context: { cluster: c, user: u } }, { name: there, context: { cluster: c, user: other } }]
`

    test('the token and the context of a kubeconfig', async () => {
      await server.close()
      server = await ApiServerStandIn.open({ token: 'secret' })
      server.apply(service('cart'))
      const file = join(folder, 'config')
      writeFileSync(file, kubeconfig('secret'))
      await start({}, { choice: { kind: 'kubeconfig', file, context: undefined } })
      await synced()
      assert.ok(has('cart'))
      await source!.stop()
      await start({}, { choice: { kind: 'kubeconfig', file, context: 'there' } })
      await until(() => log.lines.some((line) => line.includes('the credentials are not accepted')))
    })

    test('a token file that ends with a line break', async () => {
      await server.close()
      server = await ApiServerStandIn.open({ token: 'secret' })
      server.apply(service('cart'))
      writeFileSync(join(folder, 'token'), 'secret\n')
      const file = join(folder, 'config')
      writeFileSync(file, kubeconfig('x').replace('token: x', `tokenFile: ${join(folder, 'token')}`))
      await start({}, { choice: { kind: 'kubeconfig', file, context: undefined } })
      await synced()
      assert.ok(has('cart'))
    })

    test('what is missing is said', async () => {
      await assert.rejects(start({}, { choice: { kind: 'kubeconfig', file: join(folder, 'none'), context: undefined } }), /ENOENT/)
      const file = join(folder, 'config')
      writeFileSync(file, 'apiVersion: v1\nkind: Config\n')
      await assert.rejects(start({}, { choice: { kind: 'kubeconfig', file, context: undefined } }), /no cluster/)
      await assert.rejects(start({}, { choice: { kind: 'in-cluster' } }), /not in a cluster: the environment variable KUBERNETES_SERVICE_HOST is not set/)
      process.env.KUBERNETES_SERVICE_HOST = '127.0.0.1'
      try {
        await assert.rejects(start({}, { choice: { kind: 'in-cluster' } }), /no credentials: .*\/token is not there; the Pod needs a service account whose token is mounted/)
      } finally {
        delete process.env.KUBERNETES_SERVICE_HOST
      }
    })
  })
})
