import { splitLabels, type Name } from '../../wire/name.ts'

/** A name that a search list made: what was meant, and what the resolver put behind it. */
export interface Searched {
  /** As typed, without a final dot. */
  readonly base: string
  /** `NS.svc.ZONE.`, `svc.ZONE.` or `ZONE.` */
  readonly suffix: Name
}

/** Zones learned from names with `svc` in them; a cluster has one or two. */
const ZONES_LIMIT = 8
/** Last labels of names on the Internet. Behind one of these `svc` stands for the second domain of the search list, not for a namespace. */
const TOP_LEVEL = new Set(['com', 'net', 'org', 'io', 'edu', 'gov', 'mil', 'int', 'arpa', 'info', 'biz', 'cloud', 'app', 'ai', 'co', 'local', 'internal', 'lan', 'us', 'uk', 'de', 'eu', 'fr', 'nl', 'ch', 'at', 'it', 'es', 'pl', 'se', 'cn', 'jp', 'kr', 'in', 'ru', 'br', 'au', 'ca'])

/** Takes names apart into what a pod asked for and what its search list added. */
export class SearchLists {
  readonly #zones = new Set<Name>()

  /** `name` lower-cased. Undefined for names that no search list of a pod has made. */
  split(name: Name): Searched | undefined {
    const labels = splitLabels(name)
    const svc = labels.lastIndexOf('svc')
    if (svc > 0 && svc < labels.length - 1) return this.#below(labels, svc)
    for (const zone of this.#zones) {
      if (!name.endsWith(`.${zone}`)) continue
      const base = name.slice(0, -zone.length - 1)
      return base.endsWith('.pod') || base === 'pod' || base === 'svc' ? undefined : { base, suffix: zone }
    }
    return undefined
  }

  #below(labels: readonly string[], svc: number): Searched | undefined {
    const zone = `${labels.slice(svc + 1).join('.')}.`
    if (this.#zones.size < ZONES_LIMIT) this.#zones.add(zone)
    const before = labels.slice(0, svc)
    const last = before.at(-1)!
    const whole = before.length > 1 && TOP_LEVEL.has(last)
    const base = (whole ? before : before.slice(0, -1)).join('.')
    // `web.svc…` is the second domain of the list behind a single label, or a namespace that does not exist: nothing to advise on.
    return base === '' ? undefined : { base, suffix: whole ? `svc.${zone}` : `${last}.svc.${zone}` }
  }
}

/**
 * The `ndots` with which names that have these numbers of dots are first asked for as they are; undefined when it would not help.
 * `dots`: how often names with so many dots were searched in vain. A tenth may need the search list as before.
 */
export function adviseNdots(dots: ReadonlyMap<number, number>): number | undefined {
  const sorted = [...dots].filter(([n]) => n > 0).sort(([a], [b]) => a - b)
  const total = sorted.reduce((sum, [, count]) => sum + count, 0)
  let passed = 0
  for (const [n, count] of sorted) {
    passed += count
    if (passed > total / 10) return Math.min(n, 4)
  }
  return undefined
}
