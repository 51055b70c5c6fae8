import { decodeObject, labelsOf, list, mapping, nameOf, namespaceOf, optional } from '../decode.ts'
import type { EndpointSlice } from '../objects.ts'

type Json = Readonly<Record<string, unknown>>

const SKIP_LABEL = 'endpointslice.kubernetes.io/skip-mirror'

/**
 * The slices that the mirroring controller makes of Endpoints written by hand, as they are for a Service without a selector: one a
 * family and subset. Throws ObjectError.
 */
export function mirroredSlices(endpoints: Json): EndpointSlice[] {
  const namespace = namespaceOf(endpoints)
  const name = nameOf(endpoints)
  if (labelsOf(endpoints)[SKIP_LABEL] === 'true') return []
  return mappings(endpoints, 'subsets').flatMap((subset, i) => {
    const addresses = mappings(subset, 'addresses')
    return [false, true].flatMap((six) => {
      const ofFamily = addresses.filter((address) => String(address.ip).includes(':') === six)
      return ofFamily.length === 0 ? [] : [decodeObject('EndpointSlice', {
        metadata: { namespace, name: `${name}-mirrored-${i}${six ? '-ipv6' : ''}`, labels: { 'kubernetes.io/service-name': name } },
        endpoints: ofFamily.map((address) => ({ addresses: [address.ip], hostname: address.hostname, nodeName: address.nodeName, targetRef: optional(address, 'targetRef') })),
        ports: subset.ports,
      }) as EndpointSlice]
    })
  })
}

function mappings(json: Json, field: string): Json[] {
  return list(json, field, '').map((entry, i) => mapping(entry, `${field}[${i}]`))
}
