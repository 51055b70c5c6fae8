import type { Plugin } from '../../core/plugin.ts'
import { Autopath } from './autopath.ts'
import { AUTOPATH_TABLE, parseAutopath } from './options.ts'

export const autopathPlugin: Plugin = {
  name: 'autopath',
  options: AUTOPATH_TABLE,
  parse(directive, context) {
    const options = parseAutopath(directive, context.zones)
    return { build: (env) => new Autopath(env, options) }
  },
}
