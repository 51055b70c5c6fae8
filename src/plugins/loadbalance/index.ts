import type { Plugin } from '../../core/plugin.ts'
import { LoadBalance } from './loadbalance.ts'
import { parseLoadBalance } from './options.ts'

export const loadbalancePlugin: Plugin = {
  name: 'loadbalance',
  parse(directive) {
    const options = parseLoadBalance(directive)
    return { build: (env) => new LoadBalance(env, options) }
  },
}
