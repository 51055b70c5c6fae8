import { onlyLine, placeOf, refuseBlock } from '../../corefile/options.ts'
import type { Env } from '../../core/env.ts'
import { NEXT, type Plugin, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { EDNS } from '../../wire/edns.ts'
import type { EdnsOption } from '../../wire/message.ts'

export const nsidPlugin: Plugin = {
  name: 'nsid',
  parse(directive) {
    const line = onlyLine(directive.lines, 'nsid')
    refuseBlock(line, placeOf('nsid', line.token))
    const text = line.args.map((token) => token.text).join(' ')
    return { build: (env) => nsid(env, line.args.length > 0 ? text : env.host.name) }
  },
}

/** Says which server answered, to clients that ask with an NSID option (RFC 5001, specification 3.18 and 17.10). */
function nsid(env: Env, identity: string): Stage {
  const ours: EdnsOption = { code: EDNS.NSID, data: new TextEncoder().encode(identity) }
  const wanted = env.slot<boolean>()
  return {
    name: 'nsid',
    query(q: Query): Verdict {
      // Asked on the way down: `rewrite` may add the option for upstreams.
      wanted.set(q, q.request.edns?.options.some(isNsid))
      return NEXT
    },
    reply(q: Query): void {
      const asked = q.request.edns
      if (!q.written || asked === undefined || wanted.get(q) !== true) return
      // CoreDNS's own OPT has DO set, whatever the client's has.
      const made = q.reply.edns ?? { udpSize: asked.udpSize, version: 0, do: true, z: 0, options: [] }
      const options = made.options.some(isNsid) ? made.options.map((option) => (isNsid(option) ? ours : option)) : [...made.options, ours]
      q.reply.edns = { ...made, options }
    },
  }
}

function isNsid(option: EdnsOption): boolean {
  return option.code === EDNS.NSID
}
