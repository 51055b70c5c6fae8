import { refuseArguments } from '../../corefile/options.ts'
import { DONE, NEXT, type Plugin, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { CLASS, TYPE } from '../../wire/codes.ts'
import { txtRdata } from '../../wire/rdata.ts'

export const anyPlugin: Plugin = {
  name: 'any',
  parse(directive) {
    for (const line of directive.lines) refuseArguments(line, 'any')
    return { build: () => any }
  },
}

/** HINFO has two character strings, as TXT may have. */
const RDATA = txtRdata(['ANY obsoleted', 'See RFC 8482'])
const TTL = 8482

/** Answers questions of type ANY with a record that says that there is no such answer (RFC 8482 4.2). */
const any: Stage = {
  name: 'any',
  query(q: Query): Verdict {
    const { name, type } = q.question
    if (type !== TYPE.ANY) return NEXT
    q.begin().answers = [{ name, type: TYPE.HINFO, class: CLASS.IN, ttl: TTL, rdata: RDATA }]
    return DONE
  },
}
