import { refuseArguments } from '../../corefile/options.ts'
import type { Plugin } from '../../core/plugin.ts'

export const debugPlugin: Plugin = {
  name: 'debug',
  parse(directive) {
    for (const line of directive.lines) refuseArguments(line, 'debug')
    return { settings: { debug: true } }
  },
}
