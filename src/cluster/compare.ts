import type { EndpointSlice, Service } from './objects.ts'

/** Whether CoreDNS would count this as a change: cluster IPs are not among what it looks at. */
export function serviceChanged(a: Service, b: Service): boolean {
  return a.externalName !== b.externalName || !samePorts(a.ports, b.ports)
}

export function sliceChanged(a: EndpointSlice, b: EndpointSlice): boolean {
  return a.addresses.length !== b.addresses.length || !samePorts(a.ports, b.ports)
    || a.addresses.some((address, i) => address.text !== b.addresses[i]!.text || address.hostname !== b.addresses[i]!.hostname || address.zone !== b.addresses[i]!.zone)
}

function samePorts(a: Service['ports'], b: Service['ports']): boolean {
  return a.length === b.length && a.every((port, i) => port.name === b[i]!.name && port.port === b[i]!.port && port.protocol === b[i]!.protocol)
}
