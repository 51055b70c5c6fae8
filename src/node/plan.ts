import { equalIp } from '../base/ip.ts'
import type { FoundRule, TableSpec } from '../netlink/nftables.ts'
import type { Address } from '../netlink/rtnetlink.ts'

/** Addresses that no link has. */
export function missingAddresses(wanted: readonly Uint8Array[], present: readonly Address[]): Uint8Array[] {
  return wanted.filter((address) => !present.some((other) => equalIp(other.bytes, address)))
}

/** True when the kernel's rules are those of the specification, in its order. A rule is known by its comment. */
export function tableIsRight(wanted: TableSpec, found: readonly FoundRule[]): boolean {
  return wanted.chains.every((chain) => {
    const rules = found.filter((rule) => rule.chain === chain.name)
    return rules.length === chain.rules.length && chain.rules.every((rule, i) => rule.comment === rules[i]!.comment)
  }) && found.every((rule) => wanted.chains.some((chain) => chain.name === rule.chain))
}
