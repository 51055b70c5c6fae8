import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FakeClock } from '../base/fake-clock.ts'
import { Slices } from '../base/slices.ts'
import { decodeObject, ObjectError } from './decode.ts'
import type { Change } from './change.ts'
import { ClusterIndex } from './index.ts'
import type { EndpointSlice, Kind, Service } from './objects.ts'

const service = (name: string, ...ips: string[]) => decodeObject('Service', { metadata: { name, namespace: 'Shop' }, spec: { clusterIPs: ips, ports: [{ port: 80 }] } }) as Service
const slice = (name: string, of: string, ...ips: string[]) => decodeObject('EndpointSlice', { metadata: { name, namespace: 'Shop', labels: { 'kubernetes.io/service-name': of } }, endpoints: ips.map((ip) => ({ addresses: [ip] })) }) as EndpointSlice

describe('the index of a cluster', () => {
  test('by name without regard to case, and by address in one form', () => {
    const index = new ClusterIndex(new FakeClock())
    index.put(service('Cart', '10.96.0.1', 'FD00:0::1'))
    assert.equal(index.service('shop', 'cart')?.name, 'Cart')
    assert.equal(index.servicesOf('fd00::1').length, 1)
    index.put(service('Cart', '10.96.0.2'))
    assert.deepEqual([index.servicesOf('10.96.0.1').length, index.servicesOf('fd00::1').length, index.servicesOf('10.96.0.2').length], [0, 0, 1])
    index.remove('Service', 'shop', 'cart')
    assert.equal(index.service('shop', 'cart'), undefined)
    assert.equal(index.servicesOf('10.96.0.2').length, 0)
  })

  test('a slice that changes its service is found under the new one only', () => {
    const index = new ClusterIndex(new FakeClock())
    index.put(slice('s', 'a', '10.1.0.1'))
    index.put(slice('s', 'b', '10.1.0.2'))
    assert.deepEqual([index.slices('shop', 'a').length, index.slices('shop', 'b').length, index.slicesOf('10.1.0.1').length, index.slicesOf('10.1.0.2').length], [0, 1, 0, 1])
  })

  test('the serial moves with what DNS can see', () => {
    const clock = new FakeClock()
    const index = new ClusterIndex(clock)
    assert.equal(index.serial, 0)
    index.put(service('cart', '10.96.0.1'))
    const first = index.serial
    clock.advance(5000)
    index.put(service('cart', '10.96.0.2'))
    assert.equal(index.serial, first, 'cluster IPs are not among it, as in CoreDNS')
    index.put(slice('s', 'cart', '10.1.0.1'))
    assert.equal(index.serial, first + 5)
    clock.advance(5000)
    index.put(slice('s', 'cart', '10.1.0.1'))
    assert.equal(index.serial, first + 5)
    index.remove('EndpointSlice', 'shop', 's')
    assert.equal(index.serial, first + 10)
  })

  test('a Pod that is being deleted stays until it is', () => {
    const index = new ClusterIndex(new FakeClock())
    const pod = (fields: object) => decodeObject('Pod', { metadata: { name: 'p', namespace: 'shop', ...fields }, status: { podIP: '10.1.0.1' } })
    index.put(pod({}))
    index.put(pod({ deletionTimestamp: '2026-01-01T00:00:00Z' }))
    assert.equal(index.podsOf('10.1.0.1').length, 1)
    index.remove('Pod', 'shop', 'p')
    assert.equal(index.podsOf('10.1.0.1').length, 0)
  })

  test('listeners hear which service changed, until they leave', () => {
    const index = new ClusterIndex(new FakeClock())
    const heard: Change[] = []
    const leave = index.onChange((change) => heard.push(change))
    index.put(slice('s', 'Cart', '10.1.0.1'))
    leave()
    index.put(service('cart', '10.96.0.1'))
    assert.deepEqual(heard, [{ names: ['cart.shop.svc'], addresses: ['10.1.0.1'] }])
  })

  test('a list leaves exactly what it names, whatever was there', async () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 5 })
    await fc.assert(fc.asyncProperty(names, names, async (before, after) => {
      const clock = new FakeClock()
      const index = new ClusterIndex(clock)
      for (const name of before) index.put(service(name, '10.96.0.1'))
      await list(index, after.map((name) => service(name, '10.96.0.1')))
      assert.deepEqual(['a', 'b', 'c', 'd', 'e'].filter((name) => index.service('shop', name) !== undefined), after.toSorted())
      assert.deepEqual(index.servicesOf('10.96.0.1').map((each) => each.name).sort(), after.toSorted())
      await list(index, [])
      assert.equal(index.servicesOf('10.96.0.1').length, 0)
    }))
  })

  test('a first list is seen when it is complete, a later one at once', async () => {
    const index = new ClusterIndex(new FakeClock())
    index.startList('Service')
    index.put(service('cart', '10.96.0.1'))
    assert.equal(index.service('shop', 'cart'), undefined)
    assert.equal(index.servicesOf('10.96.0.1').length, 0)
    await index.finishList('Service', new Slices(new FakeClock(), 1))
    assert.equal(index.service('shop', 'cart')?.name, 'cart')
    index.startList('Service')
    index.put(service('web', '10.96.0.2'))
    assert.deepEqual([index.service('shop', 'cart')?.name, index.service('shop', 'web')?.name], ['cart', 'web'])
  })
})

async function list(index: ClusterIndex, services: readonly Service[]): Promise<void> {
  index.startList('Service')
  for (const each of services) index.put(each)
  await index.finishList('Service', new Slices(new FakeClock(), 1))
}

describe('decoding', () => {
  test('an endpoint that does not say whether it is ready, is', () => {
    const decoded = decodeObject('EndpointSlice', {
      metadata: { name: 's', namespace: 'shop' },
      endpoints: [{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'], conditions: { ready: false, serving: true } }, { addresses: ['10.0.0.3'], conditions: { ready: null }, zone: 'Zone-A', targetRef: { name: 'x'.repeat(64) } }],
    }) as EndpointSlice
    assert.deepEqual(decoded.addresses.map((address) => [address.text, address.zone, address.targetName]), [['10.0.0.1', '', ''], ['10.0.0.3', 'zone-a', '']])
    assert.deepEqual(decoded.ports, [{ name: '', protocol: '', port: -1 }])
  })

  test('a Service without clusterIPs has its clusterIP, and one port that stands for none', () => {
    const decoded = decodeObject('Service', { metadata: { name: 's' }, spec: { clusterIP: '10.96.0.1' }, status: { loadBalancer: { ingress: [{ hostname: 'lb.example' }] } } }) as Service
    assert.deepEqual([decoded.namespace, decoded.clusterIps, decoded.ports[0]!.port, decoded.externalIps], ['default', ['10.96.0.1'], -1, ['lb.example']])
  })

  test('anything decodes or is refused with the field', () => {
    fc.assert(fc.property(fc.constantFrom<Kind>('Service', 'EndpointSlice', 'Namespace', 'Pod'), fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (kind, spec, status, endpoints) => {
      for (const object of [spec, { metadata: { name: 'x' }, spec, status, endpoints, ports: status }]) {
        try {
          assert.equal(decodeObject(kind, object).kind, kind)
        } catch (error) {
          assert.ok(error instanceof ObjectError, String(error))
        }
      }
    }))
  })
})
