import { parseKubernetes } from '../../plugins/kubernetes/options.ts'
import type { Rule } from '../configuration.ts'

/** Verified pods cost a watch of every Pod of the cluster: the memory of all other objects once more. */
export const podsVerified: Rule = {
  code: 'pods-verified-without-autopath',
  look: ({ blocks }) => blocks.flatMap((block) => {
    const kubernetes = block.sound('kubernetes')
    if (kubernetes === undefined || block.has('autopath') || block.has('metadata') || parseKubernetes(kubernetes, block.zones, []).pods !== 'verified') return []
    const token = kubernetes.lines.flatMap((line) => line.block ?? []).find((option) => option.token.text === 'pods')?.token ?? kubernetes.token
    return [{ token, message: 'pods verified keeps every Pod of the cluster in memory, and no autopath makes use of it', remedy: 'write "pods insecure", or add "autopath @kubernetes"' }]
  }),
}
