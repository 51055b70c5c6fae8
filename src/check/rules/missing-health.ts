import type { Rule } from '../configuration.ts'

/** `health` is for the whole process: one block is enough. */
export const missingHealth: Rule = {
  code: 'missing-health',
  look({ blocks }) {
    const token = blocks[0]?.token
    if (token === undefined || blocks.some((block) => block.has('health'))) return []
    return [{ token, message: 'no block has health, so the kubelet cannot tell whether the program is alive', remedy: 'add "health" to this block, and a livenessProbe of /health' }]
  },
}
