import { NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import type { Message } from '../../wire/message.ts'
import type { FlagRule, HeaderOptions } from './options.ts'

/** Sets and clears header flags of queries and replies (specification 3.10). Bare rcodes are no replies yet, and stay as they are. */
export function header({ query, response }: HeaderOptions): Stage {
  return {
    name: 'header',
    query(q: Query): Verdict {
      apply(query, q.request)
      return NEXT
    },
    reply(q: Query): void {
      if (q.written) apply(response, q.reply)
    },
  }
}

function apply(rules: readonly FlagRule[], message: Message): void {
  for (const { flag, on } of rules) message[flag] = on
}
