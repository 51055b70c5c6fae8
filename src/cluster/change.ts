import { formatIp, parseIp } from '../base/ip.ts'
import type { ClusterObject, EndpointAddress, EndpointSlice, Pod, Service } from './objects.ts'

/** What a change of the index means for DNS: whose answers may be others than before. */
export interface Change {
  /** Labels left of a cluster's zone, in lower case: `cart.shop.svc`. Everything below such a name is meant too. */
  readonly names: readonly string[]
  /** Addresses whose reverse names changed, in canonical text. */
  readonly addresses: readonly string[]
}

/** The whole zone. */
export const EVERYTHING: Change = { names: [''], addresses: [] }

/**
 * From one state of an object to the next; undefined for one that is not there. An ExternalName's answer holds what its target
 * has, which is not followed here: it is as old as its TTL says.
 */
export function changeOf(before: ClusterObject | undefined, after: ClusterObject | undefined): Change {
  const states = [before, after].filter((state) => state !== undefined)
  return {
    names: [...new Set(states.flatMap(namesOf))],
    addresses: (after ?? before)!.kind === 'EndpointSlice' ? endpointChanges(before as EndpointSlice | undefined, after as EndpointSlice | undefined) : [...new Set(states.flatMap(addressesOf))],
  }
}

function namesOf(object: ClusterObject): string[] {
  switch (object.kind) {
    case 'Service': case 'ServiceImport': return [`${object.name}.${object.namespace}.svc`.toLowerCase()]
    case 'EndpointSlice': case 'ImportedSlice': return object.service === '' ? [] : [`${object.service}.${object.namespace}.svc`.toLowerCase()]
    case 'Namespace': return [`${object.name}.svc`.toLowerCase(), `${object.name}.pod`.toLowerCase()]
    case 'Pod': return podNames(object)
  }
}

function podNames(pod: Pod): string[] {
  const [ip] = canonical([pod.ip])
  return ip === undefined ? [] : [`${ip.replaceAll(/[.:]/g, '-')}.${pod.namespace}.pod`.toLowerCase()]
}

function addressesOf(object: ClusterObject): string[] {
  return object.kind === 'Service' ? canonical([...(object satisfies Service).clusterIps, ...object.externalIps]) : []
}

/** Of a slice that keeps its service only the endpoints that came, went or are named otherwise. */
function endpointChanges(before: EndpointSlice | undefined, after: EndpointSlice | undefined): string[] {
  const known = new Map((before?.addresses ?? []).map((address) => [address.text, address]))
  const sameService = before?.service === after?.service
  const changed = new Set<string>()
  for (const address of after?.addresses ?? []) {
    const old = known.get(address.text)
    if (!sameService || old === undefined || !sameName(old, address)) changed.add(address.text)
    if (sameService) known.delete(address.text)
  }
  for (const text of known.keys()) changed.add(text)
  return canonical([...changed])
}

function sameName(a: EndpointAddress, b: EndpointAddress): boolean {
  return a.hostname === b.hostname && a.targetName === b.targetName
}

function canonical(texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    const bytes = parseIp(text)
    return bytes === undefined ? [] : [formatIp(bytes)]
  })
}
