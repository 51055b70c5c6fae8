import type { Rule } from '../configuration.ts'

/** Only kubernetes has something to wait for; a block is asked for readiness only if it has `ready` itself. */
export const missingReady: Rule = {
  code: 'missing-ready',
  look: ({ blocks }) => blocks.flatMap((block) => {
    const kubernetes = block.sound('kubernetes')
    if (kubernetes === undefined || block.has('ready')) return []
    return [{ token: kubernetes.token, message: 'kubernetes without ready in its block: queries arrive before the cluster\'s names are known, and are answered SERVFAIL', remedy: 'add "ready" to this block, and a readinessProbe of /ready' }]
  }),
}
