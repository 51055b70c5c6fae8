import type { Plugin } from '../../core/plugin.ts'
import { Cache } from './cache.ts'
import { CACHE_TABLE, parseCache } from './options.ts'

export const cachePlugin: Plugin = {
  name: 'cache',
  options: CACHE_TABLE,
  parse(directive, context) {
    const options = parseCache(directive, context.zones)
    return { build: (env) => new Cache(env, options) }
  },
}
