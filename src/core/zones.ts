import { isSubdomain, lowerName, parentOf, type Name } from '../wire/name.ts'

/** The longest of `zones` (lower-cased) that `name` is in or below, or undefined. */
export function matchZone(zones: readonly Name[], name: Name): Name | undefined {
  let best: Name | undefined
  for (const zone of zones) {
    if (isSubdomain(name, zone) && (best === undefined || zone.length > best.length)) best = zone
  }
  return best
}

/** `fallthrough`: no zones means every name. Undefined means that the option was not given. */
export function fallsThrough(zones: readonly Name[] | undefined, name: Name): boolean {
  if (zones === undefined) return false
  return zones.length === 0 || matchZone(zones, name) !== undefined
}

/** A table from zone to values, searched from the whole name towards the root. */
export class ZoneTable<T> {
  readonly #entries = new Map<Name, T>()

  get(zone: Name): T | undefined {
    return this.#entries.get(zone)
  }

  set(zone: Name, value: T): void {
    this.#entries.set(zone, value)
  }

  values(): Iterable<T> {
    return this.#entries.values()
  }

  /** The value of the longest zone that has one for which `accept` is true. */
  find(name: Name, accept: (value: T) => boolean): T | undefined {
    let at = lowerName(name)
    for (;;) {
      const value = this.#entries.get(at)
      if (value !== undefined && accept(value)) return value
      if (at === '.') return undefined
      at = parentOf(at)
    }
  }
}
