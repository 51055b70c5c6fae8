import type { Plugin } from '../../core/plugin.ts'
import { LoadBalance } from './loadbalance.ts'
import { PREFER_TABLE, WEIGHTED_TABLE, parseLoadBalance } from './options.ts'

export const loadbalancePlugin: Plugin = {
  name: 'loadbalance',
  options: { ...PREFER_TABLE, ...WEIGHTED_TABLE },
  parse(directive) {
    const options = parseLoadBalance(directive)
    return { build: (env) => new LoadBalance(env, options) }
  },
}
