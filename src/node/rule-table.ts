import { formatIp } from '../base/ip.ts'
import {
  counter, destinationIn, destinationIs, destinationPortIs, familyIs, keepSourceIn, markIs, notrack, protocolIs, sourceIs, sourcePortIs, type L4Name,
} from '../netlink/expressions.ts'
import type { ChainSpec, RuleSpec, TableSpec } from '../netlink/nft-messages.ts'
import { bytesOf, FAMILIES, LEASE_MS, ofFamily, type AddressBytes, type Wishes } from './wishes.ts'

/** Before connection tracking sees a packet. */
const RAW_PRIORITY = -300
const OURS = 'hearth-node: '
const PROTOCOLS = ['udp', 'tcp'] as const

/**
 * The rules that exempt DNS to and from our addresses from connection tracking. A packet without a tracked connection skips every
 * nat hook, so kube-proxy does not send it elsewhere: while queries are untracked, we are the DNS of the node (specification 2.2).
 *
 * Queries count only while the lease of their address lasts, and only our own answers renew it: UDP alone, since the kernel itself
 * speaks TCP for a process that hangs. `taking` false: queries go elsewhere, and what has arrived is still answered untracked; a
 * tracked answer would make an entry that sends the client's next query to us instead of to the cluster.
 */
export function ruleTable(name: string, wishes: Wishes, taking: boolean): TableSpec {
  const { addresses, healthPort } = wishes
  const queries = taking ? addresses.flatMap((address) => PROTOCOLS.map((protocol) => toUs(address, protocol, wishes.port))) : []
  const answers = addresses.flatMap((address) => PROTOCOLS.map((protocol) => fromUs(address, protocol, wishes.port)))
  const health = addresses.flatMap((address) => [healthQuery(address, healthPort), fromUs(address, 'tcp', healthPort)])
  return {
    family: 'inet',
    name,
    sets: FAMILIES.map((family) => ({ name: leaseName(family), keyBytes: family, timeoutMs: LEASE_MS, keys: taking ? ofFamily(addresses, family) : [] })),
    chains: [chain('prerouting', queries), chain('output', [...renewals(wishes), ...answers, ...probes(wishes), ...queries, ...health])],
  }
}

/** The set that holds the addresses of a family whose lease lasts. */
export function leaseName(family: AddressBytes): string {
  return family === 4 ? 'lease4' : 'lease6'
}

function chain(hook: 'prerouting' | 'output', rules: readonly RuleSpec[]): ChainSpec {
  return { name: hook, type: 'filter', hook, priority: RAW_PRIORITY, rules }
}

function renewals({ mark, port }: Wishes): RuleSpec[] {
  if (mark === undefined) return []
  return FAMILIES.map((family) => ({
    comment: `${OURS}an answer renews the lease of ${family === 4 ? 'IPv4' : 'IPv6'}`,
    expressions: [...markIs(mark), ...familyIs(family), ...protocolIs('udp'), ...sourcePortIs(port), ...keepSourceIn(leaseName(family), family, LEASE_MS), counter()],
  }))
}

/** Our own probes reach us also while there is no lease: they are how it comes back. */
function probes({ probePorts, port }: Wishes): RuleSpec[] {
  return probePorts.flatMap((probePort) => PROTOCOLS.map((protocol) => ({
    comment: `${OURS}skip conntrack, ${protocol} probe from port ${probePort}`,
    expressions: [...protocolIs(protocol), ...sourcePortIs(probePort), ...destinationPortIs(port), counter(), notrack()],
  })))
}

function toUs(address: Uint8Array, protocol: L4Name, port: number): RuleSpec {
  const family = bytesOf(address)
  return {
    comment: `${OURS}skip conntrack, ${protocol} to ${formatIp(address)} port ${port}`,
    expressions: [...familyIs(family), ...destinationIs(address), ...protocolIs(protocol), ...destinationPortIs(port), ...destinationIn(leaseName(family), family), counter(), notrack()],
  }
}

function healthQuery(address: Uint8Array, port: number): RuleSpec {
  return {
    comment: `${OURS}skip conntrack, tcp to ${formatIp(address)} port ${port}`,
    expressions: [...familyIs(bytesOf(address)), ...destinationIs(address), ...protocolIs('tcp'), ...destinationPortIs(port), counter(), notrack()],
  }
}

function fromUs(address: Uint8Array, protocol: L4Name, port: number): RuleSpec {
  return {
    comment: `${OURS}skip conntrack, ${protocol} from ${formatIp(address)} port ${port}`,
    expressions: [...familyIs(bytesOf(address)), ...sourceIs(address), ...protocolIs(protocol), ...sourcePortIs(port), counter(), notrack()],
  }
}
