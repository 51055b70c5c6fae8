import { refuseArguments } from '../../corefile/options.ts'
import type { Env } from '../../core/env.ts'
import type { Plugin, Stage } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { responseType } from '../../core/response-type.ts'

export const minimalPlugin: Plugin = {
  name: 'minimal',
  parse(directive) {
    for (const line of directive.lines) refuseArguments(line, 'minimal')
    return { build: minimal }
  },
}

/** Leaves the answer section alone in positive replies (specification 3.15). Denials need their SOA, referrals their NS records. */
function minimal(env: Env): Stage {
  return {
    name: 'minimal',
    reply(q: Query): void {
      const { reply } = q
      if (!q.written || responseType(reply, env.clock.wallMs()) !== 'NOERROR') return
      reply.authorities = []
      reply.additionals = []
      reply.edns = undefined
    },
  }
}
