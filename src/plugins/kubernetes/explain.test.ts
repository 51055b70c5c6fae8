import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../base/fake-clock.ts'
import { ClusterIndex } from '../../cluster/index.ts'
import type { Source } from '../../cluster/source/source.ts'
import { explainKubernetes } from './explain.ts'
import type { KubernetesOptions } from './options.ts'

const index = new ClusterIndex(new FakeClock())
index.put({ kind: 'Namespace', name: 'shop' })
index.put({ kind: 'ServiceImport', namespace: 'shop', name: 'cart', headless: false, ips: ['10.112.0.1'], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] })
index.put({ kind: 'ServiceImport', namespace: 'shop', name: 'db', headless: true, ips: [], ports: [] })
index.put({ kind: 'ServiceImport', namespace: 'shop', name: 'empty', headless: false, ips: ['10.112.0.2'], ports: [] })
for (const cluster of ['east', '']) {
  index.put({ kind: 'ImportedSlice', namespace: 'shop', name: `db-${cluster}`, service: 'db', cluster, addresses: [{ text: '10.1.0.5', hostname: '', targetName: '', zone: '' }], ports: [], triggeredMs: undefined })
}
const options = { zones: ['cluster.local.', 'clusterset.local.'], multicluster: new Set(['clusterset.local.']), namespaces: new Set(), zonal: false } as unknown as KubernetesOptions

function facts(name: string): Readonly<Record<string, unknown>> {
  return explainKubernetes(name, { index, source: { synced: true } as Source }, options)
}

test('what several clusters share: the import, its addresses, and each cluster\'s slices', () => {
  const cart = facts('cart.shop.svc.ClusterSet.local.')
  assert.deepEqual([cart['service import'], cart['addresses'], cart['ports'], cart['slices']], ['shop/cart', ['10.112.0.1'], ['http 80/TCP'], 'none: no endpoint is ready'])
  const db = facts('db.shop.svc.clusterset.local.')
  assert.deepEqual([db['addresses'], db['ports'], db['slices']], [
    'headless: those of its endpoints', undefined, ['db-east of cluster east: 1 ready (10.1.0.5)', 'db- of cluster (none named): 1 ready (10.1.0.5)'],
  ])
  assert.equal(facts('empty.shop.svc.clusterset.local.')['ports'], 'none: the name does not exist')
  assert.equal(facts('none.shop.svc.clusterset.local.')['service import'], 'none: does not exist')
})

test('an import is none of the cluster\'s own services', () => {
  assert.equal(facts('cart.shop.svc.cluster.local.')['service'], 'cart: does not exist')
})
