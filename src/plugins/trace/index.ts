import type { Plugin } from '../../core/plugin.ts'
import { parseTrace, TRACE_TABLE } from './options.ts'
import { Tracing } from './tracing.ts'

export const tracePlugin: Plugin = {
  name: 'trace',
  options: TRACE_TABLE,
  parse(directive) {
    const options = parseTrace(directive)
    return { build: (env) => new Tracing(env, options) }
  },
}
