import type { Peer } from '../core/query.ts'

const MAPPED = '::ffff:'

/** An address as the socket reports it: IPv4 mapped into IPv6 counts as IPv4, zone ids are dropped. */
export function peerOf(address: string, port: number): Peer {
  if (!address.includes(':')) return { address, port, family: 1 }
  if (address.startsWith(MAPPED) && address.includes('.')) return { address: address.slice(MAPPED.length), port, family: 1 }
  const percent = address.indexOf('%')
  return { address: percent < 0 ? address : address.slice(0, percent), port, family: 2 }
}
