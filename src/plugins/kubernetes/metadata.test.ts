import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../base/fake-clock.ts'
import { ClusterIndex } from '../../cluster/index.ts'
import { Query, type Arrival } from '../../core/query.ts'
import { Message } from '../../wire/message.ts'
import { clusterMetadata } from './metadata.ts'
import type { KubernetesOptions } from './options.ts'

const index = new ClusterIndex(new FakeClock())
index.put({ kind: 'Pod', namespace: 'shop', name: 'web', ip: '10.1.2.3', labels: { 'app.kubernetes.io/name': 'shop' }, deleting: false })

function labels(name: string, options: Partial<KubernetesOptions> = {}, client = '10.1.2.3'): Record<string, string> {
  const request = new Message()
  request.questions = [{ name, type: 1, class: 1 }]
  const q = new Query(request, { client: { address: client, port: 1, family: 1 } } as Arrival)
  const all = { zones: ['cluster.local.'], pods: 'disabled', zonal: false, ...options } as KubernetesOptions
  const keys = ['client-namespace', 'client-pod-name', 'kind', 'namespace', 'service', 'endpoint', 'port-name', 'protocol', 'zone', 'parse-error', 'constructor', 'client-label/app.kubernetes.io/name', 'client-label/constructor']
  return Object.fromEntries(keys.flatMap((key) => {
    const value = clusterMetadata(`kubernetes/${key}`, q, index, all)
    return value === undefined ? [] : [[key, value]]
  }))
}

const NOTHING = { 'kind': '', 'namespace': '', 'service': '', 'endpoint': '', 'port-name': '', 'protocol': '' }

test('what names say, part by part', () => {
  assert.deepEqual(labels('cluster.local.'), NOTHING)
  assert.deepEqual(labels('Shop.SVC.cluster.local.'), { ...NOTHING, kind: 'svc', namespace: 'shop' })
  assert.deepEqual(labels('_http._tcp.cart.shop.svc.cluster.local.'), { ...NOTHING, 'kind': 'svc', 'namespace': 'shop', 'service': 'cart', 'port-name': 'http', 'protocol': 'tcp' })
  assert.deepEqual(labels('e0.cart.shop.svc.cluster.local.'), { ...NOTHING, kind: 'svc', namespace: 'shop', service: 'cart', endpoint: 'e0' })
  assert.deepEqual(labels('10-1-2-3.shop.pod.cluster.local.'), { ...NOTHING, kind: 'pod', namespace: 'shop', service: '10-1-2-3' })
  assert.deepEqual(labels('x.10-1-2-3.shop.pod.cluster.local.'), { ...NOTHING, kind: 'pod', namespace: 'shop', service: '10-1-2-3', endpoint: 'x' })
  assert.deepEqual(labels('_x._y.10-1-2-3.shop.pod.cluster.local.'), { ...NOTHING, 'kind': 'pod', 'namespace': 'shop', 'service': '10-1-2-3', 'port-name': 'x', 'protocol': 'y' })
  assert.deepEqual(labels('z.1.pin._zone.cart.shop.svc.cluster.local.', { zonal: true }), { ...NOTHING, kind: 'svc', namespace: 'shop', service: 'cart', zone: 'z.1' })
})

test('names that mean nothing, and names of other zones', () => {
  assert.deepEqual(labels('a.b.c.d.e.svc.cluster.local.'), { 'parse-error': 'invalid query name' })
  assert.deepEqual(labels('example.org.'), {})
})

test('who asks is known where pods are verified', () => {
  assert.deepEqual(labels('example.org.', { pods: 'verified' }), { 'client-namespace': 'shop', 'client-pod-name': 'web', 'client-label/app.kubernetes.io/name': 'shop' })
  assert.deepEqual(labels('example.org.', { pods: 'verified' }, '10.9.9.9'), {})
})
