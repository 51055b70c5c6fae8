import { parseIp } from '../../base/ip.ts'
import { parseForward, type ForwardOptions } from '../../plugins/forward/options.ts'
import type { CheckedBlock, Rule } from '../configuration.ts'

/** An upstream that is this program: the query comes back to a block that sends it out again. */
export const forwardLoop: Rule = {
  code: 'forward-loop',
  look: ({ blocks }) => blocks.flatMap((block) => (block.sound('forward')?.lines ?? []).flatMap((line) => {
    const options = parseForward(line)
    return options.targets.flatMap((target, i) => {
      if (target.kind !== 'address' || target.endpoint.transport !== 'dns') return []
      const { address, port } = target.endpoint
      const back = blocks.find((other) => listens(other, address, port) && sendsOut(other, options.from))
      if (back === undefined) return []
      return [{ token: line.args[i + 1]!, message: `forward to ${line.args[i + 1]!.text} leads back to this program: the block of ${back.token?.text ?? '.'} listens there and forwards again`, remedy: 'name the resolver that is meant, such as /etc/resolv.conf or the address of the network\'s own' }]
    })
  })),
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

/** True when the block forwards names of `zone`, or names above which it stands. */
function sendsOut(block: CheckedBlock, zone: string): boolean {
  const lines = block.sound('forward')?.lines ?? []
  return block.covers(zone) && lines.some((line) => overlaps(parseForward(line), zone))
}

function overlaps({ from }: ForwardOptions, zone: string): boolean {
  return from === '.' || from === zone || zone.endsWith(`.${from}`)
}
