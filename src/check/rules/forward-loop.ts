import { parseIp } from '../../base/ip.ts'
import { parseForward, type ForwardOptions } from '../../plugins/forward/options.ts'
import type { CheckedBlock, Rule } from '../configuration.ts'

/** An upstream that is this program, in a block that sends the query back to where it came from. */
export const forwardLoop: Rule = {
  code: 'forward-loop',
  look: ({ blocks }) => blocks.flatMap((block) => (block.sound('forward')?.lines ?? []).flatMap((line) => {
    const options = parseForward(line)
    return options.targets.flatMap((target, i) => {
      const token = line.args[i + 1]!
      const back = block.zones.map((zone) => receiver(blocks, options, i, narrower(zone, options.from))).find((next) => next !== undefined && leadsTo(block, next, blocks, new Set()))
      if (target.kind !== 'address' || back === undefined) return []
      return [{ token, message: `forward to ${token.text} leads back to this program: the block of ${back.token?.text ?? '.'} listens there and forwards again`, remedy: 'name the resolver that is meant, such as /etc/resolv.conf or the address of the network\'s own' }]
    })
  })),
}

/** True when queries that come to `block` go on to `wanted`, in however many steps. */
function leadsTo(wanted: CheckedBlock, block: CheckedBlock, blocks: readonly CheckedBlock[], seen: Set<CheckedBlock>): boolean {
  if (block === wanted) return true
  if (seen.has(block)) return false
  seen.add(block)
  return (block.sound('forward')?.lines ?? []).some((line) => {
    const options = parseForward(line)
    return block.zones.some((zone) => options.targets.some((_, i) => {
      const next = receiver(blocks, options, i, narrower(zone, options.from))
      return next !== undefined && leadsTo(wanted, next, blocks, seen)
    }))
  })
}

/** The block that gets queries for the zone at the target: of those that listen there, the one with the longest zone. */
function receiver(blocks: readonly CheckedBlock[], { targets }: ForwardOptions, i: number, zone: string): CheckedBlock | undefined {
  const target = targets[i]!
  if (target.kind !== 'address' || target.endpoint.transport !== 'dns') return undefined
  const { address, port } = target.endpoint
  const there = blocks.filter((block) => listens(block, address, port) && block.covers(zone) && block.has('forward'))
  return there.sort((a, b) => longest(b, zone) - longest(a, zone))[0]
}

/** A block without `bind` listens on every address of the machine, of which the loopback ones are known from here. */
function listens(block: CheckedBlock, address: string, port: number): boolean {
  if (!block.ports.includes(port)) return false
  return block.bound.length === 0 ? isLoopback(address) : block.bound.includes(address)
}

function isLoopback(address: string): boolean {
  const ip = parseIp(address)
  return ip !== undefined && (ip.length === 4 ? ip[0] === 127 : ip.every((octet, i) => octet === (i === 15 ? 1 : 0)))
}

/** What both contain, of two zones of which one is above the other; the first where they have nothing in common. */
function narrower(zone: string, from: string): string {
  return from.endsWith(`.${zone}`) || zone === '.' ? from : zone
}

function longest(block: CheckedBlock, name: string): number {
  return Math.max(...block.zones.filter((zone) => zone === '.' || name === zone || name.endsWith(`.${zone}`)).map((zone) => zone.length))
}
