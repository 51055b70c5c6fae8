import { checkCount, onlyLine, placeOf, readInteger, refuseBlock } from '../../corefile/options.ts'
import type { Plugin } from '../../core/plugin.ts'

const SOCKETS_LIMIT = 1024

export const multisocketPlugin: Plugin = {
  name: 'multisocket',
  parse(directive) {
    const line = onlyLine(directive.lines, 'multisocket')
    const place = placeOf('multisocket', line.token)
    checkCount(line.args, 0, 1, place)
    refuseBlock(line, place)
    const [count] = line.args
    if (count === undefined) return {}
    const sockets = readInteger(count, -Infinity, Infinity, place)
    if (sockets < 1) place.fail(`num sockets can not be zero or negative: ${sockets}`, count)
    if (sockets > SOCKETS_LIMIT) place.fail(`num sockets exceeds maximum (${SOCKETS_LIMIT}): ${sockets}`, count)
    return {}
  },
}
