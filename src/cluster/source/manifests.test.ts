import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { MetricsRegistry } from '../../admin/metrics.ts'
import { systemClock } from '../../base/clock.ts'
import { MemoryLog } from '../../base/log.ts'
import { until } from '../../../test/support/until.ts'
import { ClusterIndex } from '../index.ts'
import { assemble } from './assemble.ts'
import { parseManifests } from './manifest-file.ts'
import { ManifestSource } from './manifests.ts'

const WANTED = { kinds: ['Service', 'EndpointSlice', 'Namespace', 'Pod'], labels: undefined, namespaceLabels: undefined } as const

const service = (name: string, rest = 'clusterIP: 10.96.0.1') => `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: shop }\nspec: { ${rest} }\n`
const pod = (name: string, rest: string, status: string) => `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, namespace: shop, labels: { app: db } }\nspec: { ${rest} }\nstatus: { ${status} }\n`

/** Every line is ten times the one before. */
const BOMB = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n`

describe('folders of manifests', () => {
  let folder: string
  let source: ManifestSource
  let index: ClusterIndex
  let log: MemoryLog

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-manifests-'))
    index = new ClusterIndex(systemClock)
    log = new MemoryLog()
  })

  afterEach(async () => {
    await source?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const write = (file: string, text: string) => writeFileSync(join(folder, file), text)
  const has = (name: string) => index.service('shop', name) !== undefined

  async function start(...paths: string[]): Promise<void> {
    source = new ManifestSource(paths.length === 0 ? [folder] : paths, WANTED, { clock: systemClock, log, metrics: new MetricsRegistry(), random: { float: () => 0.5, int: () => 0 } })
    await source.start(index)
  }

  test('files, folders in folders, lists, JSON; hidden files and others are passed over', async () => {
    mkdirSync(join(folder, 'deep/er'), { recursive: true })
    write('a.yaml', `${service('one')}---\n${service('two', 'clusterIP: 10.96.0.2')}`)
    write('deep/er/b.yml', `apiVersion: v1\nkind: ServiceList\nitems:\n- ${service('three').replaceAll('\n', '\n  ')}`)
    write('c.json', JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'four', namespace: 'shop' }, spec: {} }))
    write('.hidden.yaml', service('five'))
    write('notes.txt', service('six'))
    await start()
    assert.deepEqual(['one', 'two', 'three', 'four', 'five', 'six'].map(has), [true, true, true, true, false, false])
    assert.ok(source.synced)
    assert.ok(index.hasNamespace('shop'))
    assert.ok(index.hasNamespace('kube-system'))
  })

  test('changes, new files, renames and removals are seen', async () => {
    write('a.yaml', service('one'))
    await start()
    write('b.yaml', service('two'))
    await until(() => has('two'))
    renameSync(join(folder, 'b.yaml'), join(folder, 'c.yaml'))
    write('a.yaml', service('uno'))
    await until(() => has('uno') && !has('one'))
    assert.ok(has('two'))
    rmSync(join(folder, 'c.yaml'))
    await until(() => !has('two'))
  })

  test('what is not valid is named with its place and left out; the rest serves', async () => {
    write('a.yaml', `${service('one')}---\nkind: Service\nmetadata: { name: [x] }\n---\n${service('two', 'ports: 80')}---\nkind: Pod\nmetadata: { name: p }\nspec: { containers: [null] }\n---\n- list\n---\n: {\n---\n${service('three')}`)
    await start()
    assert.ok(has('one'))
    assert.ok(!has('two'))
    const said = log.lines.join('\n').replaceAll(folder, '')
    for (const wanted of [/\/a\.yaml:6: metadata\.name: a name is wanted; this object is left out/, /\/a\.yaml:9: Service: spec\.ports: a list is wanted, got 80; this object is left out/, /\/a\.yaml:14: Pod: spec\.containers\[0\]: a mapping is wanted, got null/, /\/a\.yaml:18: object: a mapping is wanted/]) assert.match(said, wanted)
  })

  test('what DNS does not read is passed over in silence, also when it is called Service', async () => {
    write('a.yaml', 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [b.yaml]\n---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n---\n'
      + `${service('one').replace('v1', 'serving.knative.dev/v1')}---\n${service('two').replace('v1', 'v1beta1').replace('Service', 'Pod')}---\napiVersion: v1\nkind: List\nitems:\n`)
    await start()
    assert.ok(!has('one'))
    assert.deepEqual(log.lines, [])
  })

  test('line ends of Windows, byte order marks, merge keys, document ends', async () => {
    write('a.yaml', `\ufeff${service('one').replaceAll('\n', '\r\n')}---\r\n${service('two').replaceAll('\n', '\r\n')}...\r\n`)
    write('b.yaml', `apiVersion: v1\nkind: Service\nmetadata: { name: three, namespace: shop }\nspec:\n  <<: { clusterIP: 10.96.0.3 }\n`)
    await start()
    assert.ok(has('one') && has('two'))
    assert.deepEqual(index.servicesOf('10.96.0.3').map((each) => each.name), ['three'])
    assert.deepEqual(log.lines, [])
  })

  test('addresses that are none are named, not served as names', async () => {
    write('a.yaml', `${service('one', 'clusterIP: web.example')}---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: s, namespace: shop }\naddressType: IPv4\nendpoints: [{ addresses: [10.0.0.300] }]\n`)
    await start()
    assert.ok(!has('one'))
    assert.match(log.lines.join('\n'), /a\.yaml:1: Service: spec\.clusterIP: "web\.example" is no IP address; this object is left out/)
    assert.match(log.lines.join('\n'), /a\.yaml:6: EndpointSlice: endpoints: "10\.0\.0\.300" is no IP address/)
  })

  test('a document that breaks takes nothing along; the rest of its file is taken', async () => {
    write('a.yaml', `${service('one')}---\n${service('two', 'clusterIP: 10.96.0.2')}`)
    await start()
    write('a.yaml', `${service('one')}   : {\n---\n${service('two', 'clusterIP: 10.96.0.22')}---\n${service('three', 'clusterIP: 10.96.0.3')}`)
    await until(() => has('three'))
    assert.deepEqual(['10.96.0.1', '10.96.0.2', '10.96.0.22'].map((ip) => index.servicesOf(ip).length), [1, 0, 1])
    write('a.yaml', service('three', 'clusterIP: 10.96.0.3'))
    await until(() => !has('one') && !has('two'))
  })

  test('a path that goes as a whole keeps what it said, and is read when it is back', async () => {
    write('a.yaml', service('one'))
    mkdirSync(join(folder, 'deep'))
    write('deep/b.yaml', service('two'))
    await start(join(folder, 'a.yaml'), join(folder, 'deep'))
    renameSync(join(folder, 'deep'), join(folder, 'away'))
    rmSync(join(folder, 'a.yaml'))
    await until(() => log.lines.filter((line) => line.includes('has gone; keeping what it said')).length === 2)
    assert.ok(has('one') && has('two'))
    write('a.yaml', service('uno'))
    mkdirSync(join(folder, 'deep'))
    await until(() => has('uno') && !has('one') && !has('two'))
  })

  test('a mounted ConfigMap, which the kubelet changes by one rename', async () => {
    for (const [version, name] of [['..1', 'one'], ['..2', 'uno']] as const) {
      mkdirSync(join(folder, version))
      write(`${version}/shop.yaml`, service(name))
    }
    symlinkSync('..1', join(folder, '..data'))
    symlinkSync('..data/shop.yaml', join(folder, 'shop.yaml'))
    await start()
    assert.deepEqual(['one', 'uno'].map(has), [true, false])
    symlinkSync('..2', join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    await until(() => has('uno') && !has('one'))
  })

  test('thousands of files', async () => {
    for (let i = 0; i < 3000; i++) write(`s${i}.yaml`, service(`s${i}`, `clusterIP: 10.97.${i >> 8}.${i & 255}`))
    await start()
    assert.equal(index.counts.Service, 3000)
    write('late.yaml', service('late'))
    await until(() => has('late'))
  })

  test('aliases that would fill memory, or name nothing, leave out their document only', async () => {
    write('a.yaml', `${service('one')}---\n${BOMB}---\na: *none\n---\n${service('two')}`)
    await start()
    assert.ok(has('one') && has('two'))
    const said = log.lines.join('\n').replaceAll(folder, '')
    assert.match(said, /\/a\.yaml:6: Excessive alias count .*; this document is left out/)
    assert.match(said, /\/a\.yaml:12: Unresolved alias .*; this document is left out/)
  })

  test('a path that is not there is an error at the start', async () => {
    await assert.rejects(start(join(folder, 'none')), /objects: .*none: no such file or folder/)
  })

  test('endpoints of the Pods that a Service selects', async () => {
    write('a.yaml', [
      service('db', 'clusterIP: None, selector: { app: db }, ports: [{ name: sql, port: 1, targetPort: sql }, { name: raw, port: 9 }]'),
      service('all', 'clusterIP: None, selector: { app: db }, publishNotReadyAddresses: true, ports: [{ port: 1 }]'),
      service('six', 'clusterIP: None, selector: { app: db }, ipFamilies: [IPv6], ports: [{ port: 1 }]'),
      pod('db-0', 'hostname: db-0, subdomain: db, containers: [{ name: c, ports: [{ name: sql, containerPort: 5432 }] }]', 'podIP: 10.1.0.5, podIPs: [{ ip: 10.1.0.5 }, { ip: "fd00::5" }], conditions: [{ type: Ready, status: "True" }]'),
      pod('db-1', '', 'podIP: 10.1.0.6, conditions: [{ type: Ready, status: "False" }]'),
      pod('db-2', '', 'podIP: 10.1.0.7, phase: Succeeded'),
      pod('db-3', '', 'podIP: 10.1.0.8'),
      service('named', 'clusterIP: None, selector: { app: db }, ports: [{ port: 1, targetPort: sql }]'),
      pod('db-4', 'initContainers: [{ name: i, ports: [{ name: sql, containerPort: 1 }] }, { name: s, restartPolicy: Always, ports: [{ name: raw, containerPort: 9 }] }]', 'podIP: 10.1.0.9'),
    ].join('---\n'))
    await start()
    const of = (name: string) => index.slices('shop', name).map((slice) => `${slice.addresses.map((address) => address.text).join(' ')} ${slice.ports.map((port) => `${port.name}/${port.port}`).join(' ')}`).sort()
    assert.deepEqual(of('db'), ['10.1.0.5 sql/5432 raw/9', '10.1.0.8 10.1.0.9 raw/9', 'fd00::5 sql/5432 raw/9'])
    assert.deepEqual(of('all'), ['10.1.0.5 10.1.0.6 10.1.0.8 10.1.0.9 /1', 'fd00::5 /1'])
    assert.deepEqual(of('named'), ['10.1.0.5 /5432', '10.1.0.8 10.1.0.9 /-1', 'fd00::5 /5432'], 'a pod without the port has its address')
    assert.deepEqual(of('six'), ['fd00::5 /1'])
    assert.equal(index.slices('shop', 'db')[0]!.addresses[0]!.hostname, 'db-0')
  })

  test('an EndpointSlice of its own takes the place of the Pods', async () => {
    write('a.yaml', `${service('db', 'clusterIP: None, selector: { app: db }, ports: [{ port: 1 }]')}---\n${pod('db-0', '', 'podIP: 10.1.0.5')}---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: db-x, namespace: shop, labels: { kubernetes.io/service-name: db } }
endpoints: [{ addresses: [10.2.0.1] }]
ports: [{ port: 1 }]
`)
    await start()
    assert.deepEqual(index.slices('shop', 'db').flatMap((slice) => slice.addresses.map((address) => address.text)), ['10.2.0.1'])
  })

  test('Endpoints written by hand, for a Service without a selector', async () => {
    write('a.yaml', `${['ext', 'skipped', 'selects'].map((name) => service(name, `clusterIP: None${name === 'selects' ? ', selector: { app: x }' : ''}`)).join('---\n')}---
apiVersion: v1
kind: EndpointsList
items:
- apiVersion: v1
  kind: Endpoints
  metadata: { name: ext, namespace: shop }
  subsets: [{ addresses: [{ ip: 192.0.2.1, hostname: a }, { ip: "2001:db8::1" }], notReadyAddresses: [{ ip: 192.0.2.2 }], ports: [{ name: sql, port: 5432 }] }]
- { apiVersion: v1, kind: Endpoints, metadata: { name: skipped, namespace: shop, labels: { endpointslice.kubernetes.io/skip-mirror: "true" } }, subsets: [{ addresses: [{ ip: 192.0.2.3 }] }] }
- { apiVersion: v1, kind: Endpoints, metadata: { name: selects, namespace: shop }, subsets: [{ addresses: [{ ip: 192.0.2.4 }] }] }
`)
    await start()
    const of = (name: string) => index.slices('shop', name).flatMap((slice) => slice.addresses.map((address) => `${address.hostname}/${address.text} ${slice.ports[0]!.name}/${slice.ports[0]!.port}`))
    assert.deepEqual(of('ext'), ['a/192.0.2.1 sql/5432', '/2001:db8::1 sql/5432'])
    assert.deepEqual([of('skipped'), of('selects')], [[], []])
  })

  test('a Deployment without Pods is told of once', async () => {
    write('a.yaml', `${service('web', 'clusterIP: None, selector: { app: web }')}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, namespace: shop }\nspec: { template: { metadata: { labels: { app: web } } } }\n`)
    await start()
    write('b.yaml', service('other'))
    await until(() => has('other'))
    assert.equal(log.lines.filter((line) => /a\.yaml:1: Service shop\/web selects pods of Deployment web, but there are no Pod manifests with addresses: it has no endpoints/.test(line)).length, 1)
  })
})

test('no manifest throws, whatever is in it', () => {
  const leaf = fc.oneof(fc.constant(null), fc.string({ maxLength: 5 }), fc.integer(), fc.boolean(), fc.constantFrom('Service', 'Pod', 'EndpointSlice', 'Namespace', 'Deployment', 'None', '10.0.0.1'))
  const keys = fc.constantFrom('spec', 'status', 'metadata', 'name', 'namespace', 'labels', 'selector', 'ports', 'port', 'clusterIP', 'clusterIPs', 'podIPs', 'podIP', 'ip', 'conditions', 'containers', 'endpoints', 'addresses', 'template', 'targetRef', 'ipFamilies', 'loadBalancer', 'ingress', 'items')
  const { tree } = fc.letrec((tie) => ({ tree: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('tree'), { maxLength: 3 }), fc.dictionary(keys, tie('tree'), { maxKeys: 6 })) }))
  const document = fc.record({ kind: leaf, metadata: fc.oneof(tree, fc.record({ name: fc.constant('x'), namespace: leaf, labels: tree })), spec: tree, status: tree, endpoints: tree, ports: tree })
  fc.assert(fc.property(fc.array(document, { maxLength: 4 }), (documents) => {
    const { objects } = parseManifests(documents.map((each) => JSON.stringify(each)).join('\n---\n'), 'f')
    const said: string[] = []
    for (const object of assemble(objects, WANTED, (text) => said.push(text))) assert.ok(object.kind)
  }), { numRuns: 500 })
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => { parseManifests(text, 'f') }), { numRuns: 500 })
})
