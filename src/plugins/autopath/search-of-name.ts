import { matchZone } from '../../core/zones.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import { QuickZones } from '../../core/quick-zones.ts'
import { countLabels, labelStarts, type Name } from '../../wire/name.ts'

/** Labels before `NS.svc.ZONE` that make a name one which somebody meant outside of their own namespace. */
const BASE_LABELS = 2
const OWN_LABELS = 2

/**
 * The search list that a name betrays: `www.example.org.shop.svc.cluster.local.` comes from a pod in `shop`. Undefined for a name
 * without such an end, and for one that is as long as the name of a service.
 */
export function searchOfName(name: Name, zones: readonly Name[], beyond: readonly Name[]): readonly Name[] | undefined {
  const zone = matchZone(zones, name)
  if (zone === undefined) return undefined
  const starts = labelStarts(name)
  const own = starts.length - countLabels(zone) - OWN_LABELS
  if (own < BASE_LABELS) return undefined
  const [namespace, svc, end] = [starts[own]!, starts[own + 1]!, starts[own + 2] ?? name.length]
  if (name.slice(svc, end).toLowerCase() !== 'svc.') return undefined
  return [name.slice(namespace), name.slice(svc), name.slice(end) || '.', ...beyond, '']
}

/** The same for a name in octets: whether it has a search list. */
export class SearchNames {
  readonly #zones: QuickZones<number>

  constructor(zones: readonly Name[]) {
    this.#zones = new QuickZones(zones.map((zone) => [zone, countLabels(zone)]))
  }

  has(question: QuickQuestion): boolean {
    const zoneLabels = this.#zones.match(question)
    if (zoneLabels === undefined) return false
    const svc = question.labelCount - zoneLabels - 1
    if (svc < BASE_LABELS + 1) return false
    const { name } = question
    const at = question.labels[svc]!
    return name[at] === 3 && name[at + 1] === 0x73 && name[at + 2] === 0x76 && name[at + 3] === 0x63
  }
}
