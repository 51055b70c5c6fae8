import type { Rule } from '../configuration.ts'

/** Stages that can answer a query; the rest only change, keep or count answers. */
const ANSWERING = ['kubernetes', 'forward', 'hosts', 'template', 'whoami', 'k8s_external', 'erratic']
/** The cluster's zone is answered by its index or by the server that has it. */
const CLUSTER = ['kubernetes', 'forward']

export const zoneUnanswered: Rule = {
  code: 'zone-unanswered',
  look: ({ blocks }) => blocks.flatMap((block) => {
    const { token } = block
    if (token === undefined) return []
    if (!ANSWERING.some((name) => block.has(name))) {
      return [{ token, message: `nothing in the block of ${token.text} answers: its queries get SERVFAIL, or REFUSED in an empty block`, remedy: 'add kubernetes, forward, hosts or template' }]
    }
    const cluster = block.source.keys.find((key) => /(^|\.)cluster\.local\.$/.test(key.zone))
    if (cluster === undefined || CLUSTER.some((name) => block.has(name))) return []
    return [{ token: cluster.token, message: `the cluster's zone ${cluster.zone} has neither kubernetes nor forward in its block: Services are not found`, remedy: 'add "kubernetes", or "forward . ADDRESS" of the cluster\'s resolver' }]
  }),
}
