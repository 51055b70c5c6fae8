import { equalIp, formatIp, parseIp } from '../../base/ip.ts'
import type { ClusterIndex } from '../../cluster/index.ts'
import type { Name } from '../../wire/name.ts'
import { endpointHostname, namespaceExposed } from './hits.ts'
import type { KubernetesOptions } from './options.ts'

/** Names of an address: the service whose cluster IP it is, else every endpoint that has it. Empty when nobody does. */
export function reverseNames(address: Uint8Array, index: ClusterIndex, options: KubernetesOptions): Name[] {
  const ip = formatIp(address)
  const exposed = (namespace: string) => options.namespaces.size === 0 || namespaceExposed(namespace, index, options)
  const service = index.servicesOf(ip).find((candidate) => exposed(candidate.namespace))
  if (service !== undefined) return [`${service.name}.${service.namespace}.svc.${suffix(options)}`]
  const names = new Set<Name>()
  for (const slice of index.slicesOf(ip)) {
    // A slice without a service has no name that could be sent.
    if (!exposed(slice.namespace) || slice.service === '') continue
    for (const endpoint of slice.addresses) {
      if (isAddress(endpoint.text, address)) names.add(`${endpointHostname(endpoint, options.endpointPodNames)}.${slice.service}.${slice.namespace}.svc.${suffix(options)}`)
    }
  }
  return [...names]
}

function isAddress(text: string, address: Uint8Array): boolean {
  const bytes = parseIp(text)
  return bytes !== undefined && equalIp(bytes, address)
}

function suffix(options: KubernetesOptions): string {
  return options.primaryZone === '.' ? '' : options.primaryZone
}
