import { normalizeZone } from '../../corefile/keys.ts'
import type { Directive, Token } from '../../corefile/tree.ts'
import type { CheckedBlock, Rule } from '../configuration.ts'

/** Zones that a directive names for itself, with where it does. */
const ZONE_ARGUMENTS: Readonly<Record<string, (directive: Directive) => readonly Token[]>> = {
  kubernetes: (directive) => directive.lines.flatMap((line) => line.args),
  forward: (directive) => directive.lines.flatMap((line) => line.args.slice(0, 1)),
  template: (directive) => directive.lines.flatMap((line) => line.args.slice(2)),
  no_aaaa: (directive) => directive.lines.flatMap((line) => line.args),
  pure: (directive) => directive.lines.flatMap((line) => line.args),
  autopath: (directive) => directive.lines.flatMap((line) => line.args.slice(0, -1)),
}

/** A directive for a zone whose names go to the block of a longer one, or that its own block never gets. */
export const zoneShadowed: Rule = {
  code: 'zone-shadowed',
  look: ({ blocks }) => blocks.flatMap((block) => Object.entries(ZONE_ARGUMENTS).flatMap(([name, zonesOf]) => {
    const directive = block.sound(name)
    return directive === undefined ? [] : zonesOf(directive).flatMap((token) => (normalizeZone(token.text) ?? []).flatMap((zone) => {
      const longer = blocks.find((other) => other !== block && takesFrom(other, block, zone))
      if (longer !== undefined) return [{ token, message: `${name} for ${zone} is never asked: queries for it go to the block of ${longer.token?.text ?? ''}, whose zone is longer`, remedy: `move ${name} into that block, or remove it` }]
      if (block.covers(zone) || isAbove(zone, block)) return []
      return [{ token, message: `${name} for ${zone} is never asked: no zone of its block contains it`, remedy: `add ${zone} to the zones of the block` }]
    }))
  })),
}

/** True when `other`, on a port of `block`, has a longer zone than `block` around all of `zone`. */
function takesFrom(other: CheckedBlock, block: CheckedBlock, zone: string): boolean {
  if (!other.ports.some((port) => block.ports.includes(port))) return false
  const own = longest(block.zones, zone)
  const theirs = longest(other.zones, zone)
  return theirs !== undefined && own !== undefined && theirs.length > own.length
}

function longest(zones: readonly string[], name: string): string | undefined {
  return zones.filter((zone) => contains(zone, name)).sort((a, b) => b.length - a.length)[0]
}

/** `forward .` in a block of example.org means the block's names. */
function isAbove(zone: string, block: CheckedBlock): boolean {
  return block.zones.some((own) => contains(zone, own))
}

function contains(zone: string, name: string): boolean {
  return zone === '.' || name === zone || name.endsWith(`.${zone}`)
}
