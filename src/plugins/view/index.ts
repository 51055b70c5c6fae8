import type { Plugin } from '../../core/plugin.ts'
import { parseView, VIEW_TABLE } from './options.ts'
import { view } from './view.ts'

export const viewPlugin: Plugin = {
  name: 'view',
  options: VIEW_TABLE,
  parse(directive) {
    const options = parseView(directive)
    return { settings: { view: options.name }, build: () => view(options) }
  },
}
