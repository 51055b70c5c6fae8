export const AF = { INET: 2, INET6: 10 } as const
/** Octets of struct sockaddr_in6, the longer of the two. */
export const SOCKET_ADDRESS_BYTES = 28

/** struct sockaddr_in or sockaddr_in6 for an address of 4 or 16 octets. `scope`: index of the link, for link-local addresses. */
export function encodeSocketAddress(address: Uint8Array, port: number, scope = 0): Uint8Array {
  const name = Buffer.alloc(address.length === 4 ? 16 : SOCKET_ADDRESS_BYTES)
  name.writeUInt16LE(address.length === 4 ? AF.INET : AF.INET6, 0)
  name.writeUInt16BE(port, 2)
  name.set(address, address.length === 4 ? 4 : 8)
  if (address.length === 16) name.writeUInt32LE(scope, 24)
  return name
}

/** Address and port of the sockaddr at `at`. The address is the caller's own. */
export function decodeSocketAddress(bytes: Uint8Array, at = 0): { readonly address: Uint8Array; readonly port: number } {
  const v4 = (bytes[at]! | (bytes[at + 1]! << 8)) === AF.INET
  const address = bytes.slice(at + (v4 ? 4 : 8), at + (v4 ? 8 : 24))
  return { address, port: (bytes[at + 2]! << 8) | bytes[at + 3]! }
}
