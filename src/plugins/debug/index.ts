import { onlyLine, refuseArguments } from '../../corefile/options.ts'
import type { Plugin } from '../../core/plugin.ts'

export const debugPlugin: Plugin = {
  name: 'debug',
  parse(directive) {
    refuseArguments(onlyLine(directive.lines, 'debug'), 'debug')
    return { settings: { debug: true } }
  },
}
