import type { Plugin } from '../../core/plugin.ts'
import { Cache } from './cache.ts'
import { parseCache } from './options.ts'

export const cachePlugin: Plugin = {
  name: 'cache',
  parse(directive, context) {
    const options = parseCache(directive, context.zones)
    return { build: (env) => new Cache(env, options) }
  },
}
