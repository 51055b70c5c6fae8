import type { Plugin } from '../../core/plugin.ts'
import { Autopath } from './autopath.ts'
import { parseAutopath } from './options.ts'

export const autopathPlugin: Plugin = {
  name: 'autopath',
  parse(directive, context) {
    const options = parseAutopath(directive, context.zones)
    return { build: (env) => new Autopath(env, options) }
  },
}
