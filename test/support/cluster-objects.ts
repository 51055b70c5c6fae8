/** Any objects of a cluster, from a small stock of names and addresses, so that they meet. */
import fc from 'fast-check'
import type { ClusterObject, EndpointSlice, ImportedSlice, Namespace, Pod, Service, ServiceImport, ServicePort } from '../../src/cluster/objects.ts'

export const NAMESPACES = ['shop', 'bank', 'Odd']
export const SERVICES = ['cart', 'web', 'db', 'Upper', 'with.dot']
export const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', 'fd00::', 'FD00:0::2', '::ffff:10.0.0.1']

/** With ordinary prototypes, as decoded objects have. */
function record<T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}

const namespace = fc.constantFrom(...NAMESPACES)
const name = fc.constantFrom(...SERVICES)
const address = fc.constantFrom(...ADDRESSES)
const label = fc.constantFrom('', 'a', 'b-0', 'Host')
const word = fc.oneof(label, fc.string({ maxLength: 200, unit: 'grapheme' }))
const port: fc.Arbitrary<ServicePort> = record({ name: fc.constantFrom('', 'http', 'DNS'), protocol: fc.constantFrom('TCP', 'UDP', ''), port: fc.constantFrom(-1, 0, 53, 8080, 65_535) })
const ports = fc.array(port, { minLength: 1, maxLength: 3 })

export function arbitraryService(): fc.Arbitrary<Service> {
  const ips = fc.oneof(fc.constantFrom([''], ['None']), fc.array(address, { minLength: 1, maxLength: 2 }))
  return record({
    kind: fc.constant('Service' as const), namespace, name, type: fc.constantFrom('ClusterIP', 'ExternalName', 'LoadBalancer'), clusterIps: ips,
    externalName: fc.oneof(fc.constantFrom('', 'cart.shop.svc.cluster.local', 'outside.example'), word), ports, externalIps: fc.array(fc.oneof(address, word), { maxLength: 2 }), hasSelector: fc.boolean(),
  })
}

const endpoint = record({ text: fc.oneof({ weight: 9, arbitrary: address }, { weight: 1, arbitrary: fc.constant('host.example') }), hostname: label, targetName: label, zone: fc.constantFrom('', 'zone-a', 'zone-b') })
const slice = {
  namespace, name: fc.constantFrom('s1', 's2', 's3', 's4'), service: fc.oneof(name, fc.constant('')),
  addresses: fc.array(endpoint, { maxLength: 5 }), ports, triggeredMs: fc.constant(undefined),
}

export function arbitrarySlice(): fc.Arbitrary<EndpointSlice> {
  return record({ kind: fc.constant('EndpointSlice' as const), ...slice })
}

export function arbitraryImportedSlice(): fc.Arbitrary<ImportedSlice> {
  return record({ kind: fc.constant('ImportedSlice' as const), ...slice, cluster: fc.constantFrom('', 'east', 'West') })
}

export function arbitraryServiceImport(): fc.Arbitrary<ServiceImport> {
  return record({ kind: fc.constant('ServiceImport' as const), namespace, name, headless: fc.boolean(), ips: fc.array(address, { maxLength: 2 }), ports: fc.array(port, { maxLength: 3 }) })
}

export function arbitraryNamespace(): fc.Arbitrary<Namespace> {
  return record({ kind: fc.constant('Namespace' as const), name: namespace })
}

export function arbitraryPod(deleting: fc.Arbitrary<boolean> = fc.constant(false)): fc.Arbitrary<Pod> {
  return record({ kind: fc.constant('Pod' as const), namespace, name: fc.constantFrom('p1', 'p2', 'p3', 'p4'), ip: fc.oneof(address, fc.constant('')), labels: fc.constantFrom<Record<string, string>[]>({}, { app: 'cart' }, { 'app': 'ä', 'example.org/team': '' }), deleting })
}

export function arbitraryObject(): fc.Arbitrary<ClusterObject> {
  return fc.oneof(arbitraryService(), arbitrarySlice(), arbitraryNamespace(), arbitraryPod(), arbitraryServiceImport(), arbitraryImportedSlice())
}
