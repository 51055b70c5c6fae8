import type { CheckedBlock, Rule } from '../configuration.ts'

/**
 * Blocks of one port are one server only where they listen on the same addresses: at the others a query for the zone is answered by
 * another block, or by nobody. NodeLocal DNSCache's blocks all bind to the same two.
 */
export const bindDiffers: Rule = {
  code: 'bind-differs',
  look({ blocks }) {
    const ports = new Set(blocks.flatMap((block) => block.ports))
    return [...ports].flatMap((port) => {
      const here = blocks.filter((block) => block.ports.includes(port))
      const usual = mostFrequent(here)
      return here.filter((block) => textOf(block) !== usual).flatMap((block) => {
        const token = block.sound('bind')?.token ?? block.token
        if (token === undefined) return []
        return [{ token, message: `this block listens on ${textOf(block)}, the others of port ${port} on ${usual}: a query to the other addresses does not find its zone`, remedy: 'give all blocks of a port the same bind' }]
      })
    })
  },
}

function mostFrequent(blocks: readonly CheckedBlock[]): string {
  const counts = new Map<string, number>()
  for (const block of blocks) counts.set(textOf(block), (counts.get(textOf(block)) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]![0]
}

function textOf(block: CheckedBlock): string {
  return block.bound.length === 0 ? 'every address' : block.bound.join(' ')
}
