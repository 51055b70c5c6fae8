import { formatIp } from '../base/ip.ts'
import { counter, destinationIs, destinationPortIs, familyIs, notrack, protocolIs, sourceIs, sourcePortIs, type L4Name } from '../netlink/expressions.ts'
import type { ChainSpec, RuleSpec, TableSpec } from '../netlink/nftables.ts'

/** Before connection tracking sees a packet. */
const RAW_PRIORITY = -300

/** What the agent wants of the node's network. */
export interface NetworkWishes {
  /** 4 or 16 octets each. */
  readonly addresses: readonly Uint8Array[]
  readonly port: number
  /** Probes of the kubelet must not depend on connection tracking either. */
  readonly healthPort: number
}

/**
 * The rules that exempt DNS to and from our addresses from connection tracking. A packet without a tracked connection skips every
 * nat hook, so kube-proxy does not send it elsewhere: while these rules exist, we are the DNS of the node (specification 2.2).
 */
export function desiredTable(name: string, wishes: NetworkWishes): TableSpec {
  const prerouting = wishes.addresses.flatMap((address) => [toUs(address, 'udp', wishes.port), toUs(address, 'tcp', wishes.port)])
  const output = wishes.addresses.flatMap((address) => [
    fromUs(address, 'udp', wishes.port),
    fromUs(address, 'tcp', wishes.port),
    toUs(address, 'udp', wishes.port),
    toUs(address, 'tcp', wishes.port),
    toUs(address, 'tcp', wishes.healthPort),
    fromUs(address, 'tcp', wishes.healthPort),
  ])
  return { family: 'inet', name, chains: [chain('prerouting', prerouting), chain('output', output)] }
}

function chain(hook: 'prerouting' | 'output', rules: readonly RuleSpec[]): ChainSpec {
  return { name: hook, type: 'filter', hook, priority: RAW_PRIORITY, rules }
}

function toUs(address: Uint8Array, protocol: L4Name, port: number): RuleSpec {
  return {
    comment: `hearth-node: skip conntrack, ${protocol} to ${formatIp(address)} port ${port}`,
    expressions: [...familyIs(address.length as 4 | 16), ...protocolIs(protocol), ...destinationIs(address), ...destinationPortIs(port), counter(), notrack()],
  }
}

function fromUs(address: Uint8Array, protocol: L4Name, port: number): RuleSpec {
  return {
    comment: `hearth-node: skip conntrack, ${protocol} from ${formatIp(address)} port ${port}`,
    expressions: [...familyIs(address.length as 4 | 16), ...protocolIs(protocol), ...sourceIs(address), ...sourcePortIs(port), counter(), notrack()],
  }
}
