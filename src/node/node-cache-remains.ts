import { commentBegins } from '../netlink/nft-messages.ts'
import type { Nftables } from '../netlink/nftables.ts'
import type { Rtnetlink } from '../netlink/rtnetlink.ts'
import { legacyTables } from './proxy-mode.ts'

/** Every rule of node-cache has a comment that begins so. */
const COMMENT = 'NodeLocal DNS Cache'
export const NODE_CACHE_LINK = 'nodelocaldns'
const PLACES = [
  { table: 'raw', chain: 'PREROUTING' }, { table: 'raw', chain: 'OUTPUT' }, { table: 'filter', chain: 'INPUT' }, { table: 'filter', chain: 'OUTPUT' },
] as const

/** Takes away what node-cache has left, or still has, in iptables-nft: its rules, then its link. Gives what it did. */
export async function removeNodeCache(nftables: Nftables, routes: Rtnetlink, options: { readonly keepLink: boolean }): Promise<string[]> {
  const done: string[] = []
  for (const family of ['ip', 'ip6'] as const) {
    for (const { table, chain } of PLACES) {
      const theirs = (await nftables.rules(family, table, chain)).filter((rule) => commentBegins(rule, COMMENT))
      for (const rule of theirs) await nftables.deleteRule({ family, table, chain }, rule.handle)
      if (theirs.length > 0) done.push(`${theirs.length} rules of node-cache in ${family} ${table} ${chain}`)
    }
  }
  const link = options.keepLink ? undefined : await routes.link(NODE_CACHE_LINK)
  if (link !== undefined) {
    await routes.removeLink(link.index)
    done.push(`the link ${NODE_CACHE_LINK} of node-cache`)
  }
  return done
}

/** Rules of iptables-legacy cannot be seen over netlink. A line that says what to run, or undefined where there are none. */
export function legacyAdvice(): string | undefined {
  const tables = [...new Set(legacyTables())]
  if (!tables.includes('raw')) return undefined
  return 'iptables-legacy has a raw table here, which cannot be read over netlink. If node-cache made rules there, remove them with: '
    + `for i in iptables-legacy ip6tables-legacy; do $i-save | grep -v '${COMMENT}' | $i-restore; done`
}
