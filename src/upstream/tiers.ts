import type { Policy } from './policy.ts'
import type { Upstream } from './upstream.ts'

/** Questions under way at the best upstream of a tier, above which one of the next tier that has fewer is asked first. */
const SPILL = 128

/** All upstreams in the order in which one question tries them: tier by tier, but for a tier that is down or has too much to do. */
export function orderOf(tiers: readonly (readonly Upstream[])[], policy: Policy<Upstream>): readonly Upstream[] {
  const [only] = tiers
  if (only === undefined) return []
  if (tiers.length === 1) return policy(only)
  const orders = tiers.map((tier) => policy(tier))
  const first = orders.findIndex((order, i) => isUsable(order[0]!) && !spills(order[0]!, orders[i + 1]?.[0]))
  return first <= 0 ? orders.flat() : [...orders[first]!, ...orders.flatMap((order, i) => (i === first ? [] : order))]
}

function isUsable(upstream: Upstream): boolean {
  return !upstream.health.down && !upstream.health.doubtful
}

function spills(best: Upstream, next: Upstream | undefined): boolean {
  return next !== undefined && isUsable(next) && best.outstanding >= SPILL && next.outstanding < best.outstanding / 2
}
