import { parseIp } from '../../base/ip.ts'
import { firstLine, placeOf, refuseArguments } from '../../corefile/options.ts'
import { DONE, type Plugin, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { TYPE } from '../../wire/codes.ts'
import { srvRdata } from '../../wire/rdata.ts'

export const whoamiPlugin: Plugin = {
  name: 'whoami',
  parse(directive) {
    const line = firstLine(directive.lines)
    if (line.block !== undefined) placeOf('whoami', line.token).fail('takes no block')
    refuseArguments(line, 'whoami')
    return { build: () => whoami }
  },
}

/** Tells the client its own address and port in the additional section. */
const whoami: Stage = {
  name: 'whoami',
  query(q: Query): Verdict {
    const reply = q.begin()
    reply.aa = true
    const { name, class: klass } = q.question
    const address = parseIp(q.client.address) ?? new Uint8Array(4)
    const prefix = name === '.' ? `_${q.protocol}.` : `_${q.protocol}.${name}`
    reply.additionals = [
      { name, type: address.length === 4 ? TYPE.A : TYPE.AAAA, class: klass, ttl: 0, rdata: address },
      { name: prefix, type: TYPE.SRV, class: klass, ttl: 0, rdata: srvRdata({ priority: 0, weight: 0, port: q.client.port, target: '.' }) },
    ]
    return DONE
  },
}
