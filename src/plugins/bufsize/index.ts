import { checkCount, firstLine, placeOf, readInteger, refuseBlock } from '../../corefile/options.ts'
import { NEXT, type Plugin, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'

const DEFAULT_SIZE = 1232

export const bufsizePlugin: Plugin = {
  name: 'bufsize',
  parse(directive) {
    const line = firstLine(directive.lines)
    const place = placeOf('bufsize', line.token)
    checkCount(line.args, 0, 1, place)
    refuseBlock(line, place)
    const size = line.args[0] === undefined ? DEFAULT_SIZE : readInteger(line.args[0], 512, 4096, place)
    return { build: () => bufsize(size) }
  },
}

/** Lowers the UDP size that a client offers; what goes upstream and what comes back both keep to it. Never raises it. */
function bufsize(size: number): Stage {
  return {
    name: 'bufsize',
    query(q: Query): Verdict {
      const { edns } = q.request
      if (edns !== undefined && edns.udpSize > size) q.request.edns = { ...edns, udpSize: size }
      return NEXT
    },
    quick: {
      query(question) {
        question.udpSize = Math.min(question.udpSize, size)
        return NEXT
      },
      byWorkers: { udpSizeLimit: size },
    },
  }
}
