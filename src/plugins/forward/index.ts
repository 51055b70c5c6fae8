import type { Plugin } from '../../core/plugin.ts'
import { Forward } from './forward.ts'
import { parseForward } from './options.ts'

export const forwardPlugin: Plugin = {
  name: 'forward',
  parse(directive) {
    const instances = directive.lines.map(parseForward)
    return { build: (env) => new Forward(env, instances) }
  },
}
