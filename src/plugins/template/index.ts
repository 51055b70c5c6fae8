import type { Plugin } from '../../core/plugin.ts'
import { TEMPLATE_TABLE, parseTemplates } from './options.ts'
import { Templates } from './templates.ts'

export const templatePlugin: Plugin = {
  name: 'template',
  options: TEMPLATE_TABLE,
  parse(directive, context) {
    const specs = parseTemplates(directive, context.zones)
    return { build: (env) => new Templates(env, specs) }
  },
}
