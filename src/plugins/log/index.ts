import type { Plugin } from '../../core/plugin.ts'
import { QueryLog } from './log.ts'
import { LOG_TABLE, parseLog } from './options.ts'

export const logPlugin: Plugin = {
  name: 'log',
  options: LOG_TABLE,
  parse(directive) {
    const rules = parseLog(directive)
    return { build: (env) => new QueryLog(env, rules) }
  },
}
