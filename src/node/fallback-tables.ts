import { formatIp } from '../base/ip.ts'
import { counter, destinationIs, destinationNat, destinationPortIs, leavesTheHost, masquerade, oneIn, protocolIs, sourceIs, type L4Name } from '../netlink/expressions.ts'
import type { RuleSpec, TableSpec } from '../netlink/nft-messages.ts'
import { FAMILIES, ofFamily, type Wishes } from './wishes.ts'

/** The same name in `ip` and `ip6`: translation in `inet` tables needs Linux 5.2. */
export const FALLBACK_TABLE = 'hearth-fallback'
/** After kube-proxy's -100: what it translates it keeps, since the first translation of a connection is the only one. */
const DNAT_PRIORITY = -90
/** Before kube-proxy's 100. */
const SNAT_PRIORITY = 90
const OURS = 'hearth-node: '
const PROTOCOLS = ['udp', 'tcp'] as const

/** A server of the cluster's DNS that answers without us. */
export interface Target {
  readonly address: Uint8Array
  readonly port: number
}

/**
 * Who answers our addresses when nobody takes queries: the link-local address has no other translation. The targets are resolvers'
 * own addresses, because a connection is translated once, so that a ClusterIP would never become an endpoint; in IPVS mode the
 * ClusterIP, which is translated at another place. While queries are untracked none of this is reached.
 *
 * The node's own queries leave with one of our addresses as their source while it is on `lo`, and no other node could answer them.
 */
export function fallbackTables(wishes: Wishes, targets: readonly Target[]): TableSpec[] {
  return FAMILIES.filter((family) => ofFamily(wishes.addresses, family).length > 0).map((family) => {
    const addresses = ofFamily(wishes.addresses, family)
    const there = targets.filter((target) => target.address.length === family)
    const redirect = addresses.flatMap((address) => PROTOCOLS.flatMap((protocol) => there.map((target, i) => redirectTo(address, wishes.port, protocol, target, there.length - i))))
    const chain = (hook: 'prerouting' | 'output') => ({ name: hook, type: 'nat' as const, hook, priority: DNAT_PRIORITY, rules: redirect })
    return {
      family: family === 4 ? 'ip' as const : 'ip6' as const,
      name: FALLBACK_TABLE,
      sets: [],
      chains: [chain('prerouting'), chain('output'), { name: 'postrouting', type: 'nat', hook: 'postrouting', priority: SNAT_PRIORITY, rules: addresses.map(leaveAsTheNode) }],
    }
  })
}

/** `choices`: this one and those after it. Each gets an equal part. */
function redirectTo(address: Uint8Array, port: number, protocol: L4Name, target: Target, choices: number): RuleSpec {
  const chance = choices > 1 ? oneIn(choices) : []
  return {
    comment: `${OURS}without an agent, ${protocol} to ${formatIp(address)} goes to ${formatIp(target.address)} port ${target.port}`,
    expressions: [...destinationIs(address), ...protocolIs(protocol), ...destinationPortIs(port), ...chance, counter(), ...destinationNat(target.address, target.port)],
  }
}

function leaveAsTheNode(address: Uint8Array): RuleSpec {
  return {
    comment: `${OURS}what leaves from ${formatIp(address)} leaves as the node`,
    expressions: [...sourceIs(address), ...leavesTheHost(), counter(), masquerade()],
  }
}
