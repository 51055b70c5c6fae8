import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
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
    ].join('---\n'))
    await start()
    const of = (name: string) => index.slices('shop', name).map((slice) => `${slice.addresses.map((address) => address.text).join(' ')} ${slice.ports.map((port) => `${port.name}/${port.port}`).join(' ')}`).sort()
    assert.deepEqual(of('db'), ['10.1.0.5 sql/5432 raw/9', '10.1.0.8 raw/9', 'fd00::5 sql/5432 raw/9'])
    assert.deepEqual(of('all'), ['10.1.0.5 10.1.0.6 10.1.0.8 /1', 'fd00::5 /1'])
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
