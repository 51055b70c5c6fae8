import { checkCount, integer, onlyLine, placeOf, readOptions } from '../../corefile/options.ts'
import type { Plugin } from '../../core/plugin.ts'

const HTTPS_TABLE = {
  max_connections: { ...integer({ min: 0, initial: 200, help: 'connections at once; what comes beyond is closed; 0 for no limit (default 200)' }), once: true },
}

export const httpsPlugin: Plugin = {
  name: 'https',
  options: HTTPS_TABLE,
  parse(directive) {
    const line = onlyLine(directive.lines, 'https')
    checkCount(line.args, 0, 0, placeOf('https', line.token))
    const { max_connections: connections } = readOptions(line.block, HTTPS_TABLE, 'https')
    return { settings: { httpsConnections: connections } }
  },
}
