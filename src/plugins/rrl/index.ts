import type { Plugin } from '../../core/plugin.ts'
import { parseRrl, RRL_TABLE } from './options.ts'
import { Rrl } from './rrl.ts'

export const rrlPlugin: Plugin = {
  name: 'rrl',
  options: RRL_TABLE,
  parse(directive, context) {
    const options = parseRrl(directive, context.zones)
    return { build: (env) => new Rrl(env, options) }
  },
}
