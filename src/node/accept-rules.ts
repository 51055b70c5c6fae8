import { formatIp } from '../base/ip.ts'
import { accept, counter, destinationIs, destinationPortIs, headerProtocolIs, sourceIs, sourcePortIs, type L4Name } from '../netlink/expressions.ts'
import { commentBegins, type RuleSpec } from '../netlink/nft-messages.ts'
import type { ChainPlace, Nftables } from '../netlink/nftables.ts'
import { bytesOf, FAMILIES, ofFamily, type Wishes } from './wishes.ts'

/** `auto`: where the chain exists and does not accept what no rule speaks of. */
export const ACCEPT_RULES = ['auto', 'always', 'never'] as const
export type AcceptRules = (typeof ACCEPT_RULES)[number]

const OURS = 'hearth-node: allow DNS, '
const PROTOCOLS = ['udp', 'tcp'] as const

interface Wanted {
  readonly place: ChainPlace
  readonly rules: readonly RuleSpec[]
}

/**
 * Accepts of untracked DNS in the host's own filter table: an accept in a table of ours does not override a drop in another one.
 * Only expressions that iptables-nft writes itself, or `iptables-nft-save`, on which kube-proxy and CNIs depend, would fail.
 */
export function acceptRules(wishes: Wishes): Wanted[] {
  return FAMILIES.flatMap((family) => {
    const addresses = ofFamily(wishes.addresses, family)
    if (addresses.length === 0) return []
    const pairs = addresses.flatMap((address) => PROTOCOLS.map((protocol) => ({ address, protocol })))
    return [
      { place: place(family, 'INPUT'), rules: pairs.map(({ address, protocol }) => rule(address, protocol, wishes.port, 'to')) },
      { place: place(family, 'OUTPUT'), rules: pairs.map(({ address, protocol }) => rule(address, protocol, wishes.port, 'from')) },
    ]
  })
}

/** Puts in what is missing, in one step; gives what it did. */
export async function insertAcceptRules(nftables: Nftables, wishes: Wishes, mode: AcceptRules): Promise<string[]> {
  if (mode === 'never') return []
  const missing: (ChainPlace & { readonly rule: RuleSpec })[] = []
  for (const { place, rules } of acceptRules(wishes)) {
    const chain = (await nftables.chains(place.family, place.table)).find((each) => each.name === place.chain)
    if (chain === undefined || (mode === 'auto' && chain.policy !== 'drop')) continue
    const there = await nftables.rules(place.family, place.table, place.chain)
    missing.push(...rules.filter((rule) => !there.some((found) => commentBegins(found, rule.comment))).map((rule) => ({ ...place, rule })))
  }
  await nftables.insertRules(missing)
  return missing.map(({ family, table, chain, rule }) => `${family} ${table} ${chain}: ${rule.comment}`)
}

/** Takes out all that are ours, whatever addresses they are for. */
export async function removeAcceptRules(nftables: Nftables): Promise<string[]> {
  const ours: (ChainPlace & { readonly handle: bigint; readonly comment: string })[] = []
  for (const family of FAMILIES) {
    for (const each of [place(family, 'INPUT'), place(family, 'OUTPUT')]) {
      const found = (await nftables.rules(each.family, each.table, each.chain)).filter((rule) => commentBegins(rule, OURS))
      ours.push(...found.map(({ handle, comment }) => ({ ...each, handle, comment })))
    }
  }
  await nftables.deleteRules(ours)
  return ours.map(({ family, table, chain, comment }) => `${family} ${table} ${chain}: ${comment === '' ? OURS.trim() : comment}`)
}

function place(family: 4 | 16, chain: 'INPUT' | 'OUTPUT'): ChainPlace {
  return { family: family === 4 ? 'ip' : 'ip6', table: 'filter', chain }
}

function rule(address: Uint8Array, protocol: L4Name, port: number, direction: 'to' | 'from'): RuleSpec {
  const match = direction === 'to' ? [...destinationIs(address), ...headerProtocolIs(protocol, bytesOf(address)), ...destinationPortIs(port)] : [...sourceIs(address), ...headerProtocolIs(protocol, bytesOf(address)), ...sourcePortIs(port)]
  return { comment: `${OURS}${protocol} ${direction} ${formatIp(address)}`, expressions: [...match, counter(), accept()] }
}
