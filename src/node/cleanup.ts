import { formatIp } from '../base/ip.ts'
import { Nftables } from '../netlink/nftables.ts'
import { Rtnetlink } from '../netlink/rtnetlink.ts'
import { removeAcceptRules } from './accept-rules.ts'
import { FALLBACK_TABLE } from './fallback-tables.ts'
import { findRemains, legacyAdvice, removeRemains } from './node-cache-remains.ts'
import { instances } from './presence.ts'
import { removeStaleTables } from './stale-tables.ts'

export interface CleanupOptions {
  /** A link that agents were told to use with -interfacename. */
  readonly interfaceName: string | undefined
  /** Also what node-cache has left. */
  readonly nodeCache: boolean
}

export type CleanupOutcome =
  | { readonly kind: 'done'; readonly removed: readonly string[]; readonly advice: string | undefined }
  /** An agent lives: its tables are its own, and it would put the rest back. */
  | { readonly kind: 'refused'; readonly pids: readonly number[] }

/** Takes away all that agents of this node have left. Rejects with NetlinkError. */
export async function cleanUp(options: CleanupOptions): Promise<CleanupOutcome> {
  const alive = instances()
  if (alive.length > 0) return { kind: 'refused', pids: alive.map((instance) => instance.pid) }
  const nftables = new Nftables()
  const routes = new Rtnetlink()
  try {
    const removed = [
      ...(await removeStaleTables(nftables)).map((name) => `table inet ${name}`),
      ...await removeFallback(nftables),
      ...(await removeAcceptRules(nftables)).map((rule) => `rule ${rule}`),
      ...await removeAddresses(routes),
      ...await removeRoutes(routes),
      ...await removeLink(routes, options.interfaceName),
      ...options.nodeCache ? await removeRemains(nftables, routes, await findRemains(nftables, routes, { keepLink: false })) : [],
    ]
    return { kind: 'done', removed, advice: options.nodeCache ? legacyAdvice() : undefined }
  } finally {
    nftables.close()
    routes.close()
  }
}

async function removeFallback(nftables: Nftables): Promise<string[]> {
  const removed: string[] = []
  for (const family of ['ip', 'ip6'] as const) {
    if (!(await nftables.tables(family)).includes(FALLBACK_TABLE)) continue
    await nftables.deleteTable(family, FALLBACK_TABLE)
    removed.push(`table ${family} ${FALLBACK_TABLE}`)
  }
  return removed
}

/** Nobody else puts single addresses with a lifetime on `lo`. */
async function removeAddresses(routes: Rtnetlink): Promise<string[]> {
  const lo = await routes.link('lo')
  const ours = (await routes.addresses()).filter((address) => address.link === lo?.index && address.lifetimeSeconds !== undefined && address.bits === address.bytes.length * 8)
  for (const address of ours) await routes.removeAddress(address)
  return ours.map((address) => `address ${formatIp(address.bytes)} on lo`)
}

/** Of an agent that was killed while it left. */
async function removeRoutes(routes: Rtnetlink): Promise<string[]> {
  const left = await routes.localRoutes()
  for (const destination of left) await routes.removeLocalRoute({ destination })
  return left.map((destination) => `local route ${formatIp(destination)}`)
}

async function removeLink(routes: Rtnetlink, name: string | undefined): Promise<string[]> {
  const link = name === undefined || name === 'lo' ? undefined : await routes.link(name)
  if (link === undefined) return []
  await routes.removeLink(link.index)
  return [`link ${link.name}`]
}
