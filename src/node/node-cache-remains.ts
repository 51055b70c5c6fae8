import { commentBegins } from '../netlink/nft-messages.ts'
import type { ChainPlace, Nftables } from '../netlink/nftables.ts'
import type { Link, Rtnetlink } from '../netlink/rtnetlink.ts'
import { legacyTables } from './proxy-mode.ts'

/** Every rule of node-cache has a comment that begins so. */
const COMMENT = 'NodeLocal DNS Cache'
export const NODE_CACHE_LINK = 'nodelocaldns'
const PLACES = [
  { table: 'raw', chain: 'PREROUTING' }, { table: 'raw', chain: 'OUTPUT' }, { table: 'filter', chain: 'INPUT' }, { table: 'filter', chain: 'OUTPUT' },
] as const

/** What node-cache has in the kernel, alive or not. */
export interface Remains {
  readonly rules: readonly (ChainPlace & { readonly handle: bigint })[]
  readonly link: Link | undefined
}

export const NO_REMAINS: Remains = { rules: [], link: undefined }

/** In iptables-nft alone: rules of iptables-legacy cannot be seen. */
export async function findRemains(nftables: Nftables, routes: Rtnetlink, options: { readonly keepLink: boolean }): Promise<Remains> {
  const rules: (ChainPlace & { readonly handle: bigint })[] = []
  for (const family of ['ip', 'ip6'] as const) {
    for (const { table, chain } of PLACES) {
      const found = (await nftables.rules(family, table, chain)).filter((rule) => commentBegins(rule, COMMENT))
      rules.push(...found.map(({ handle }) => ({ family, table, chain, handle })))
    }
  }
  return { rules, link: options.keepLink ? undefined : await routes.link(NODE_CACHE_LINK) }
}

/** Its rules, all in one step, then its link. Gives what it did. */
export async function removeRemains(nftables: Nftables, routes: Rtnetlink, { rules, link }: Remains): Promise<string[]> {
  await nftables.deleteRules(rules)
  const done = [...Map.groupBy(rules, ({ family, table, chain }) => `${family} ${table} ${chain}`)].map(([place, { length }]) => `${length} rules of node-cache in ${place}`)
  if (link === undefined) return done
  await routes.removeLink(link.index)
  return [...done, `the link ${NODE_CACHE_LINK} of node-cache`]
}

/** Rules of iptables-legacy cannot be seen over netlink. A line that says what to run, or undefined where there are none. */
export function legacyAdvice(): string | undefined {
  const tables = [...new Set(legacyTables())]
  if (!tables.includes('raw')) return undefined
  return 'iptables-legacy has a raw table here, which cannot be read over netlink. If node-cache made rules there, remove them with: '
    + `for i in iptables-legacy ip6tables-legacy; do $i-save | grep -v '${COMMENT}' | $i-restore; done`
}
