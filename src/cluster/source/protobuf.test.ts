import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { encodeEvent, encodeList } from '../../../test/support/api-server/protobuf.ts'
import { decodeObject } from '../decode.ts'
import type { Kind } from '../objects.ts'
import { decodeProtobuf, flag, integer, many, map, message, one, ProtobufError, text, texts } from './protobuf.ts'
import { decodeList, decodeWatchEvent } from './protobuf-objects.ts'

const FORM = message({ 1: text('name'), 2: integer('port'), 3: flag('ready'), 4: texts('ips'), 5: one('inner', message({ 1: text('name') })), 6: many('list', message({ 2: integer('port') })), 7: map('labels', ['a']) })

describe('protobuf by table', () => {
  const cases: readonly (readonly [string, string, Readonly<Record<string, unknown>>])[] = [
    ['a text', '0a0161', { name: 'a' }],
    ['an empty text is left out, as in JSON', '0a00', {}],
    ['a number', '10ac02', { port: 300 }],
    ['a negative number has ten octets', '10ffffffffffffffffff01', { port: -1 }],
    ['a flag', '1801', { ready: true }],
    ['texts in their order', '2201612200', { ips: ['a', ''] }],
    ['a message in a message, in two pieces', '2a030a01612a030a0162', { inner: { name: 'b' } }],
    ['a list of messages', '320210013200', { list: [{ port: 1 }, {}] }],
    ['wanted keys of a mapping alone', '3a060a01611201783a060a0162120179', { labels: { a: 'x' } }],
    ['unknown fields of every wire type are stepped over', '78017900000000000000007a01617d000000000a0161', { name: 'a' }],
    ['a known number with another wire type is stepped over', '0801', {}],
  ]
  for (const [title, hex, expected] of cases) test(title, () => assert.deepEqual(decodeProtobuf(Buffer.from(hex, 'hex'), FORM), expected))

  const broken: readonly (readonly [string, string])[] = [
    ['a field longer than its message', '0a0561'], ['a field longer than the message around it', '2a020a056161616161'], ['a number that does not end', '10ff'],
    ['a number of more than ten octets', '10ffffffffffffffffffff01'], ['a group', '0b'], ['a fixed field cut off', '7d0000'],
  ]
  for (const [title, hex] of broken) test(`${title} is refused`, () => assert.throws(() => decodeProtobuf(Buffer.from(hex, 'hex'), FORM), ProtobufError))
})

describe('objects in protobuf', () => {
  const name = fc.constantFrom('cart', 'web', 'a-1')
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
  const ports = maybe(fc.array(fc.record({ name: maybe(name), protocol: maybe(fc.constantFrom('TCP', 'UDP')), port: maybe(fc.integer({ min: 1, max: 65_535 })) }), { maxLength: 3 }))
  const metadata = fc.record({
    name, namespace: maybe(name), resourceVersion: fc.constant('7'), deletionTimestamp: maybe(fc.constant('2026-01-01T00:00:00Z')),
    labels: fc.dictionary(fc.constantFrom('kubernetes.io/service-name', 'multicluster.kubernetes.io/service-name', 'multicluster.kubernetes.io/source-cluster', 'app'), name), annotations: fc.dictionary(fc.constantFrom('endpoints.kubernetes.io/last-change-trigger-time', 'note'), fc.constant('2026-01-01T00:00:00Z')),
  })
  const ip = fc.constantFrom('10.0.0.1', 'fd00::1')
  const slice = fc.record({
    metadata, addressType: fc.constant('IPv4'), ports,
    endpoints: maybe(fc.array(fc.record({ addresses: fc.array(ip), conditions: maybe(fc.record({ ready: maybe(fc.boolean()) })), hostname: maybe(name), zone: maybe(name), nodeName: maybe(name), targetRef: maybe(fc.record({ kind: fc.constant('Pod'), name })) }), { maxLength: 4 })),
  })
  const objects: Readonly<Record<Exclude<Kind, 'ServiceImport'>, fc.Arbitrary<object>>> = {
    Namespace: fc.record({ metadata }),
    Pod: fc.record({ metadata, status: maybe(fc.record({ podIP: maybe(ip), phase: fc.constant('Running') })) }),
    Service: fc.record({
      metadata,
      spec: maybe(fc.record({ clusterIP: maybe(ip), clusterIPs: maybe(fc.array(ip)), type: maybe(fc.constantFrom('ExternalName', 'ClusterIP')), externalName: maybe(name), externalIPs: maybe(fc.array(ip)), ports, selector: maybe(fc.dictionary(name, name)) })),
      status: maybe(fc.record({ loadBalancer: fc.record({ ingress: maybe(fc.array(fc.record({ ip: maybe(ip), hostname: maybe(name) }))) }) })),
    }),
    EndpointSlice: slice,
    ImportedSlice: slice,
  }

  for (const [kind, object] of Object.entries(objects) as [Kind, fc.Arbitrary<object>][]) {
    test(`a ${kind} means the same as in JSON`, () => {
      fc.assert(fc.property(fc.array(object, { minLength: 1, maxLength: 3 }), (list) => {
        const apiKind = kind === 'ImportedSlice' ? 'EndpointSlice' : kind
        const plain = list.map((each) => ({ kind: apiKind, ...JSON.parse(JSON.stringify(each)) as { metadata: { name: string } } }))
        const podLabels = ['app']
        const expected = plain.map((each) => decodeObject(kind, each, podLabels))
        assert.deepEqual(plain.map((each) => decodeObject(kind, decodeWatchEvent(kind, encodeEvent('ADDED', each).subarray(4), podLabels).object, podLabels)), expected)
        const page = decodeList(kind, encodeList(apiKind, { resourceVersion: '9', continue: 'more' }, plain), podLabels)
        assert.deepEqual((page.items as unknown[]).map((each) => decodeObject(kind, each, podLabels)), expected)
        assert.deepEqual(page.metadata, { resourceVersion: '9', continue: 'more' })
      }))
    })
  }

  test('what has no magic number is refused', () => {
    assert.throws(() => decodeList('Service', Buffer.from('{"kind":"ServiceList"}')), /not a message of the Kubernetes API/)
    assert.throws(() => decodeWatchEvent('Service', Buffer.alloc(0)), /without type or object/)
  })

  test('a custom resource has no form', () => {
    assert.throws(() => decodeList('ServiceImport', encodeList('Service', {}, [])), ProtobufError)
  })
})
