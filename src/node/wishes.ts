/** What the agent wants of the node's network. Addresses are 4 or 16 octets each. */
export interface Wishes {
  readonly addresses: readonly Uint8Array[]
  readonly port: number
  /** Probes of the kubelet must not depend on connection tracking either. */
  readonly healthPort: number
  /** The firewall mark of our answers; undefined where sockets cannot be marked. */
  readonly mark: number | undefined
  /** Where our own probes come from. */
  readonly probePorts: readonly number[]
}

/** How long an answer vouches for the agent. */
export const LEASE_MS = 2000

export const FAMILIES = [4, 16] as const
export type AddressBytes = (typeof FAMILIES)[number]

export function bytesOf(address: Uint8Array): AddressBytes {
  return address.length === 4 ? 4 : 16
}

export function ofFamily(addresses: readonly Uint8Array[], family: AddressBytes): readonly Uint8Array[] {
  return addresses.filter((address) => address.length === family)
}
