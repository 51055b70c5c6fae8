import type { Plugin } from '../../core/plugin.ts'
import { Errors } from './errors.ts'
import { ERRORS_TABLE, parseErrors } from './options.ts'

export const errorsPlugin: Plugin = {
  name: 'errors',
  options: ERRORS_TABLE,
  parse(directive) {
    const options = parseErrors(directive)
    return { settings: { stacktrace: options.stacktrace }, build: (env) => new Errors(env, options.patterns) }
  },
}
