import { parseCache } from '../../plugins/cache/options.ts'
import type { Rule } from '../configuration.ts'

/** How long a name that was asked for too early may stay away; CoreDNS's own Kubernetes Corefile has 30. */
const LONGEST_SECONDS = 30

export const denialTtl: Rule = {
  code: 'denial-ttl',
  look: ({ blocks }) => blocks.flatMap((block) => {
    const cache = block.sound('cache')
    if (cache === undefined) return []
    const { denial } = parseCache(cache, block.zones)
    if (denial.maxTtl <= LONGEST_SECONDS) return []
    const token = cache.lines.flatMap((line) => line.block ?? []).find((option) => option.token.text === 'denial')?.token ?? cache.token
    return [{ token, message: `denials are kept up to ${denial.maxTtl} s: a name that was asked for before it existed stays away so long`, remedy: 'write "cache 30", or "denial 9984 30" in the block of cache' }]
  }),
}
