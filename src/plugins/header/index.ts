import type { Plugin } from '../../core/plugin.ts'
import { header } from './header.ts'
import { HEADER_TABLE, parseHeader } from './options.ts'

export const headerPlugin: Plugin = {
  name: 'header',
  options: HEADER_TABLE,
  parse(directive) {
    const options = parseHeader(directive)
    return { build: () => header(options) }
  },
}
