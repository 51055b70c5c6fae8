import type { Plugin } from '../../core/plugin.ts'
import { parseTemplates } from './options.ts'
import { Templates } from './templates.ts'

export const templatePlugin: Plugin = {
  name: 'template',
  parse(directive, context) {
    const specs = parseTemplates(directive, context.zones)
    return { build: (env) => new Templates(env, specs) }
  },
}
