import { parseIp } from '../../base/ip.ts'
import type { Change } from '../../cluster/change.ts'
import { isReverse, reverseName } from '../../core/reverse.ts'
import { matchZone } from '../../core/zones.ts'
import type { Name } from '../../wire/name.ts'

/** A change of the index as names in the zones that are served; whatever is below such a name is meant too. */
export function changedNames(change: Change, zones: readonly Name[]): Name[] {
  if (change.names.includes('')) return [...zones]
  const forward = zones.filter((zone) => !isReverse(`.${zone}`))
  const names = change.names.flatMap((name) => forward.map((zone) => (zone === '.' ? `${name}.` : `${name}.${zone}`)))
  const reverse = change.addresses.map((address) => reverseName(parseIp(address)!)).filter((name) => matchZone(zones, name) !== undefined)
  return [...names, ...reverse]
}
