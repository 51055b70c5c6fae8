import type { Plugin } from '../../core/plugin.ts'
import { Forward } from './forward.ts'
import { FORWARD_TABLE, parseForward } from './options.ts'

export const forwardPlugin: Plugin = {
  name: 'forward',
  options: FORWARD_TABLE,
  parse(directive) {
    const instances = directive.lines.map(parseForward)
    return { build: (env) => new Forward(env, instances) }
  },
}
