import type { FoundRule, TableSpec } from '../netlink/nft-messages.ts'

/** True when the kernel's rules are those of the specification, in its order. A rule is known by its comment. */
export function tableIsRight(wanted: TableSpec, found: readonly Pick<FoundRule, 'chain' | 'comment'>[]): boolean {
  return wanted.chains.every((chain) => {
    const rules = found.filter((rule) => rule.chain === chain.name)
    return rules.length === chain.rules.length && chain.rules.every((rule, i) => rule.comment === rules[i]!.comment)
  }) && found.every((rule) => wanted.chains.some((chain) => chain.name === rule.chain))
}
