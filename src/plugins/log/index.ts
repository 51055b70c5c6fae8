import type { Plugin } from '../../core/plugin.ts'
import { QueryLog } from './log.ts'
import { parseLog } from './options.ts'

export const logPlugin: Plugin = {
  name: 'log',
  parse(directive) {
    const rules = parseLog(directive)
    return { build: (env) => new QueryLog(env, rules) }
  },
}
