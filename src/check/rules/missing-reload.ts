import type { Rule } from '../configuration.ts'

/** `reload` in any block is for the whole Corefile. */
export const missingReload: Rule = {
  code: 'missing-reload',
  look({ blocks }) {
    const token = blocks[0]?.token
    if (token === undefined || blocks.some((block) => block.has('reload'))) return []
    return [{ token, message: 'no block has reload, so a changed ConfigMap is served only after a restart', remedy: 'add "reload" to this block' }]
  },
}
