/** The packed index against a naive one: plain lists of objects, searched from end to end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FakeClock } from '../base/fake-clock.ts'
import { formatIp, parseIp } from '../base/ip.ts'
import { Slices } from '../base/slices.ts'
import {
  ADDRESSES, arbitraryImportedSlice, arbitraryNamespace, arbitraryPod, arbitraryService, arbitraryServiceImport, arbitrarySlice, NAMESPACES, SERVICES,
} from '../../test/support/cluster-objects.ts'
import type { Change } from './change.ts'
import { ClusterIndex } from './index.ts'
import type { ClusterObject, Kind, Pod } from './objects.ts'

type Step =
  | { readonly kind: 'put'; readonly object: ClusterObject }
  | { readonly kind: 'remove'; readonly object: ClusterObject }
  /** A list of everything of one kind. */
  | { readonly kind: 'list'; readonly of: Kind; readonly objects: readonly ClusterObject[] }

const object: fc.Arbitrary<ClusterObject> = fc.oneof(arbitraryService(), arbitrarySlice(), arbitraryNamespace(), arbitraryPod(fc.boolean()), arbitraryServiceImport(), arbitraryImportedSlice())
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), object }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), object }) },
  { weight: 1, arbitrary: fc.constantFrom<Kind>('Service', 'EndpointSlice', 'Namespace', 'Pod', 'ServiceImport', 'ImportedSlice').chain((of) => fc.record({ kind: fc.constant('list' as const), of: fc.constant(of), objects: fc.array(object.filter((each) => each.kind === of), { maxLength: 6 }) })) },
)

/** In order of arrival, by identity. */
class Model {
  readonly objects = new Map<string, ClusterObject>()

  put(each: ClusterObject): void {
    if (each.kind === 'Pod' && each.deleting && this.objects.has(identity(each))) return
    this.objects.set(identity(each), each.kind === 'Pod' ? { ...each, deleting: false } : each)
  }

  remove(each: ClusterObject): void {
    this.objects.delete(identity(each))
  }

  of<K extends Kind>(kind: K): Extract<ClusterObject, { kind: K }>[] {
    return [...this.objects.values()].filter((each) => each.kind === kind) as Extract<ClusterObject, { kind: K }>[]
  }
}

test('after any events the index answers as a plain search of all objects does', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
    const index = new ClusterIndex(new FakeClock())
    const model = new Model()
    for (const each of steps) {
      await apply(each, index, model)
      assert.deepEqual(lookups(index), expected(model))
    }
    assert.deepEqual([...index.objects()].map(identity).sort(), [...model.objects.keys()].sort())
  }))
})

test('whatever answers differently after an event was named by it', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
    const index = new ClusterIndex(new FakeClock())
    const model = new Model()
    let changes: Change[] = []
    index.onChange((change) => changes.push(change))
    for (const each of steps) {
      const before = lookups(index)
      changes = []
      await apply(each, index, model)
      const after = lookups(index)
      const everything = changes.some((change) => change.names.includes(''))
      for (const [question, answer] of Object.entries(after)) {
        if (everything || JSON.stringify(answer) === JSON.stringify(before[question])) continue
        const [how, what] = question.split(' ') as [string, string]
        if (how.endsWith('-of')) continue
        const told = changes.some((change) => change.names.includes(what))
        assert.ok(told, `${question}: ${JSON.stringify(before[question])} → ${JSON.stringify(answer)}, told of ${JSON.stringify(changes)}`)
      }
      assertAddresses(before, after, changes, everything)
    }
  }))
})

/** Reverse names, which are made of the owners of an address, and names of Pods, which are made of the address. */
function assertAddresses(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>, changes: readonly Change[], everything: boolean): void {
  const names = (lookup: unknown, ip: string) => JSON.stringify((lookup as readonly ClusterObject[]).flatMap((each) => {
    if (each.kind === 'Service') return [`${each.name}.${each.namespace}`]
    if (each.kind !== 'EndpointSlice') return []
    return each.addresses.filter((address) => canonical(address.text) === ip).map((address) => `${address.hostname}/${address.targetName}.${each.service}.${each.namespace}`)
  }).sort())
  for (const ip of new Set(ADDRESSES.map(canonical))) {
    for (const how of ['services-of', 'slices-of']) {
      const same = names(before[`${how} ${ip}`], ip) === names(after[`${how} ${ip}`], ip)
      assert.ok(same || everything || changes.some((change) => change.addresses.includes(ip)), `${how} ${ip}: told of ${JSON.stringify(changes)}`)
    }
    const namespaces = (lookup: unknown) => new Set((lookup as readonly Pod[]).map((pod) => pod.namespace.toLowerCase()))
    const [was, is] = [namespaces(before[`pods-of ${ip}`]), namespaces(after[`pods-of ${ip}`])]
    for (const namespace of [...was, ...is].filter((each) => was.has(each) !== is.has(each))) {
      const name = `${ip.replaceAll(/[.:]/g, '-')}.${namespace}.pod`
      assert.ok(everything || changes.some((change) => change.names.includes(name)), `${name}: told of ${JSON.stringify(changes)}`)
    }
  }
}

async function apply(each: Step, index: ClusterIndex, model: Model): Promise<void> {
  if (each.kind === 'put') {
    index.put(each.object)
    return model.put(each.object)
  }
  if (each.kind === 'remove') {
    index.remove(each.object.kind, each.object.kind === 'Namespace' ? '' : each.object.namespace.toUpperCase(), each.object.name)
    return model.remove(each.object)
  }
  index.startList(each.of)
  for (const listed of each.objects) index.put(listed)
  await index.finishList(each.of, new Slices(new FakeClock(), 1))
  const names = new Set(each.objects.map(identity))
  for (const known of model.of(each.of)) if (!names.has(identity(known))) model.remove(known)
  for (const listed of each.objects) model.put(listed)
}

function lookups(index: ClusterIndex): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const namespace of NAMESPACES) {
    found[`namespace ${namespace.toLowerCase()}.svc`] = index.hasNamespace(namespace.toLowerCase())
    for (const service of SERVICES) {
      const question = `${service}.${namespace}.svc`.toLowerCase()
      found[`service ${question}`] = index.service(namespace.toLowerCase(), service.toLowerCase()) ?? null
      found[`slices ${question}`] = index.slices(namespace.toLowerCase(), service.toUpperCase())
      found[`import ${question}`] = index.serviceImport(namespace.toLowerCase(), service.toLowerCase()) ?? null
      found[`imported ${question}`] = index.importedSlices(namespace.toLowerCase(), service.toUpperCase())
    }
  }
  for (const ip of new Set(ADDRESSES.map(canonical))) {
    found[`services-of ${ip}`] = index.servicesOf(ip)
    found[`slices-of ${ip}`] = index.slicesOf(ip)
    found[`pods-of ${ip}`] = index.podsOf(ip)
  }
  return found
}

function expected(model: Model): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  const lower = (text: string) => text.toLowerCase()
  for (const namespace of NAMESPACES.map(lower)) {
    found[`namespace ${namespace}.svc`] = model.of('Namespace').some((each) => lower(each.name) === namespace)
    for (const service of SERVICES.map(lower)) {
      const named = (each: { readonly namespace: string; readonly name: string }) => lower(each.namespace) === namespace && lower(each.name) === service
      const ofService = (each: { readonly namespace: string; readonly service: string }) => lower(each.namespace) === namespace && lower(each.service) === service
      found[`service ${service}.${namespace}.svc`] = model.of('Service').find(named) ?? null
      found[`slices ${service}.${namespace}.svc`] = model.of('EndpointSlice').filter(ofService)
      found[`import ${service}.${namespace}.svc`] = model.of('ServiceImport').find(named) ?? null
      found[`imported ${service}.${namespace}.svc`] = model.of('ImportedSlice').filter(ofService)
    }
  }
  for (const ip of new Set(ADDRESSES.map(canonical))) {
    found[`services-of ${ip}`] = model.of('Service').filter((each) => each.clusterIps.some((text) => canonical(text) === ip))
    found[`slices-of ${ip}`] = model.of('EndpointSlice').filter((each) => each.addresses.some((address) => canonical(address.text) === ip))
    found[`pods-of ${ip}`] = model.of('Pod').filter((each) => canonical(each.ip) === ip)
  }
  return found
}

function identity(each: ClusterObject): string {
  return `${each.kind} ${each.kind === 'Namespace' ? '' : each.namespace}/${each.name}`.toLowerCase()
}

function canonical(ip: string): string {
  const bytes = parseIp(ip)
  return bytes === undefined ? ip : formatIp(bytes)
}
