import type { Plugin } from '../../core/plugin.ts'
import { Dns64 } from './dns64.ts'
import { DNS64_TABLE, parseDns64 } from './options.ts'

export const dns64Plugin: Plugin = {
  name: 'dns64',
  options: DNS64_TABLE,
  parse(directive) {
    const options = parseDns64(directive)
    return { build: (env) => new Dns64(env, options) }
  },
}
