import type { Block } from '../core/build.ts'
import type { Host } from '../core/env.ts'
import { ConfigError } from '../corefile/error.ts'
import type { Key } from '../corefile/tree.ts'
import { bindAddresses } from './addresses.ts'

/** One listener group to be: the blocks that answer at an address and port. */
export interface Place {
  /** A literal address, or '' for every address. */
  readonly address: string
  readonly port: number
  readonly label: string
  readonly blocks: readonly Block[]
}

/** Groups blocks by where they listen (specification 1.6). Throws ConfigError where two of them claim the same zone. */
export function planPlaces(blocks: readonly Block[], host: Host): Place[] {
  const places = new Map<string, { address: string; port: number; blocks: Block[] }>()
  for (const block of blocks) {
    const bound = bindAddresses(block.settings.bind, host)
    block.place.bound = bound ?? []
    for (const key of block.keys) {
      refuseForeignScheme(key)
      for (const address of bound ?? ['']) {
        const id = `${address}|${key.port}`
        const place = places.get(id) ?? { address, port: key.port, blocks: [] }
        if (!place.blocks.includes(block)) place.blocks.push(block)
        places.set(id, place)
      }
    }
  }
  return [...places.values()].map((place) => ({ ...place, label: labelOf(place.address, place.port) }))
}

/** The `server` label: `dns://:53`, `dns://[::1]:53`. */
function labelOf(address: string, port: number): string {
  return `dns://${address.includes(':') ? `[${address}]` : address}:${port}`
}

function refuseForeignScheme(key: Key): void {
  if (key.scheme === 'dns') return
  throw new ConfigError(undefined, undefined, `${key.text}: this program serves plain DNS over UDP and TCP; ${key.scheme}:// servers are not supported yet, remove the scheme or put a TLS proxy in front`)
}
