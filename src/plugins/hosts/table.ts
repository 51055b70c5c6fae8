import { formatIp, parseIp, unmapIp } from '../../base/ip.ts'
import { matchZone } from '../../core/zones.ts'
import { lowerName, parentOf, parseName, type Name } from '../../wire/name.ts'

/** The names and addresses of a hosts file, ready to be asked. Built whole and never changed. */
export class HostsTable {
  /** Address octets by name and family, in the order of the file. */
  readonly #v4 = new Map<Name, Uint8Array[]>()
  readonly #v6 = new Map<Name, Uint8Array[]>()
  readonly #names = new Map<string, Name[]>()

  /** `lines` as in /etc/hosts; names outside `zones` are left out. */
  constructor(lines: Iterable<string>, zones: readonly Name[], reverse: boolean) {
    for (const line of lines) this.#add(line, zones, reverse)
  }

  /** Addresses of a family for a lower-cased name; a wildcard stands for exactly one more label. */
  addresses(name: Name, family: 4 | 6): readonly Uint8Array[] {
    const table = family === 4 ? this.#v4 : this.#v6
    return table.get(name) ?? table.get(`*.${parentOf(name)}`) ?? []
  }

  has(name: Name): boolean {
    return this.addresses(name, 4).length > 0 || this.addresses(name, 6).length > 0
  }

  names(address: Uint8Array): readonly Name[] {
    return this.#names.get(formatIp(address)) ?? []
  }

  /** Addresses and reverse names, for the metric. */
  get size(): number {
    let count = 0
    for (const table of [this.#v4, this.#v6, this.#names]) for (const list of table.values()) count += list.length
    return count
  }

  #add(line: string, zones: readonly Name[], reverse: boolean): void {
    const [first, ...words] = line.replace(/#.*/, '').trim().split(/\s+/)
    const parsed = parseIp((first ?? '').replace(/%.*/, ''))
    if (parsed === undefined) return
    const address = unmapIp(parsed)
    for (const word of words) {
      const name = parseName(word)
      if (name === undefined) continue
      const lower = lowerName(name)
      if (matchZone(zones, lower) === undefined) continue
      append(address.length === 4 ? this.#v4 : this.#v6, lower, address)
      if (reverse && !lower.startsWith('*.')) append(this.#names, formatIp(address), lower)
    }
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
