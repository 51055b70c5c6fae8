import { checkCount, placeOf, readDuration, refuseBlock } from '../../corefile/options.ts'
import type { Env } from '../../core/env.ts'
import { NEXT, type Plugin, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'

const DEFAULT_MS = 5001

export const cancelPlugin: Plugin = {
  name: 'cancel',
  parse(directive) {
    const timeouts = directive.lines.map((line) => {
      const place = placeOf('cancel', line.token)
      checkCount(line.args, 0, 1, place)
      refuseBlock(line, place)
      const ms = line.args[0] === undefined ? DEFAULT_MS : readDuration(line.args[0], 0, Infinity, place)
      return ms > 0 ? ms : place.fail(`invalid negative duration: "${line.args[0]!.text}"`, line.args[0])
    })
    return { build: (env) => cancel(env, timeouts.at(-1)!) }
  },
}

/** Bounds the time in which upstreams are tried (specification 4). */
function cancel(env: Env, timeoutMs: number): Stage {
  return {
    name: 'cancel',
    query(q: Query): Verdict {
      q.cancelAtMs = Math.min(q.cancelAtMs, env.clock.nowMs() + timeoutMs)
      return NEXT
    },
  }
}
