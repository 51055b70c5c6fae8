import type { Block } from '../core/build.ts'
import type { Host } from '../core/env.ts'
import { ConfigError } from '../corefile/error.ts'
import type { Key } from '../corefile/tree.ts'
import type { Name } from '../wire/name.ts'
import { bindAddresses } from './addresses.ts'

/** What a key may ask for. */
export type ServedScheme = 'dns' | 'tls' | 'https'
const SERVED: readonly string[] = ['dns', 'tls', 'https'] satisfies ServedScheme[]

/** One listener group to be: the blocks that answer at an address and port. */
export interface Place {
  readonly scheme: ServedScheme
  /** A literal address, or '' for every address. */
  readonly address: string
  readonly port: number
  readonly label: string
  readonly blocks: readonly Block[]
  /** Blocks by the zones that they have here, in the order of the file: a block with several keys may have others elsewhere. */
  readonly zones: ReadonlyMap<Name, readonly Block[]>
}

/** Groups blocks by where they listen (specification 1.6). Throws ConfigError where two of them claim the same zone. */
export function planPlaces(blocks: readonly Block[], host: Host): Place[] {
  const places = new Map<string, { scheme: ServedScheme; address: string; port: number; blocks: Block[]; zones: Map<Name, Block[]> }>()
  const claims = new Claims()
  for (const block of blocks) {
    const bound = bindAddresses(block.settings.bind, host)
    block.place.bound = bound ?? []
    for (const key of block.keys) {
      const scheme = servedScheme(key)
      for (const address of bound ?? ['']) {
        claims.add(key, address, block.stages.some((stage) => stage.accepts !== undefined))
        const id = `${scheme}|${address}|${key.port}`
        const place = places.get(id) ?? { scheme, address, port: key.port, blocks: [], zones: new Map<Name, Block[]>() }
        if (!place.blocks.includes(block)) place.blocks.push(block)
        const sharing = place.zones.get(key.zone) ?? []
        if (!sharing.includes(block)) place.zones.set(key.zone, [...sharing, block])
        places.set(id, place)
      }
    }
  }
  return [...places.values()].map((place) => ({ ...place, label: labelOf(place.scheme, place.address, place.port) }))
}

/** Who serves which zone where. */
class Claims {
  readonly #taken = new Set<string>()
  /** Address of the first claim on a zone and port. */
  readonly #first = new Map<string, string>()

  /** `filtered` blocks share the zone with others. Throws ConfigError when the same place is claimed twice, or by a block with `bind` and one without. */
  add(key: Key, address: string, filtered: boolean): void {
    const zone = `${key.scheme}://${key.zone}:${key.port}`
    if (!filtered && this.#taken.has(`${zone} ${address}`)) throw new ConfigError(key.token, undefined, `cannot serve ${shown(zone, address)} - it is already defined`)
    const other = this.#first.get(zone)
    if (other !== undefined && (other === '') !== (address === '')) {
      throw new ConfigError(key.token, undefined, `cannot serve ${shown(zone, address)} - zone overlap listener capacity with ${shown(zone, other)}; give bind to both blocks or to none`)
    }
    if (filtered) return
    this.#taken.add(`${zone} ${address}`)
    this.#first.set(zone, other ?? address)
  }
}

function shown(zone: string, address: string): string {
  return address === '' ? zone : `${zone} on ${address}`
}

/** The `server` label: `dns://:53`, `dns://[::1]:53`, `tls://:853`. */
function labelOf(scheme: ServedScheme, address: string, port: number): string {
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`
}

function servedScheme({ scheme, token, text }: Key): ServedScheme {
  if (SERVED.includes(scheme)) return scheme as ServedScheme
  throw new ConfigError(token, undefined, `${text}: this program serves dns://, tls:// and https://; ${scheme}:// servers are not supported, use https:// or put a proxy in front`)
}
