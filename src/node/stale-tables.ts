import { hasCode, type Nftables } from '../netlink/nftables.ts'
import { instances, type Instance } from './presence.ts'

const NAME = /^hearth-([0-9a-f]{8})$/

export function tableNameOf(instance: Instance): string {
  return `hearth-${instance.id}`
}

/** Removes rule tables of agents that are no more, as kernels without owner tables keep them. Gives their names. */
export async function removeStaleTables(nftables: Nftables): Promise<string[]> {
  const alive = new Set(instances().map(tableNameOf))
  const stale = (await nftables.tables('inet')).filter((name) => NAME.test(name) && !alive.has(name))
  const removed: string[] = []
  for (const name of stale) {
    try {
      await nftables.deleteTable('inet', name)
      removed.push(name)
    } catch (error) {
      // Owned after all: its process is about to end.
      if (!hasCode(error, 'EPERM')) throw error
    }
  }
  return removed
}
