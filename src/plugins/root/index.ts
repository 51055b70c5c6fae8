import { ConfigError } from '../../corefile/error.ts'
import { checkCount, placeOf, refuseBlock } from '../../corefile/options.ts'
import type { Token } from '../../corefile/tree.ts'
import type { Env } from '../../core/env.ts'
import type { Plugin, Stage } from '../../core/plugin.ts'

export const rootPlugin: Plugin = {
  name: 'root',
  parse(directive) {
    const paths = directive.lines.map((line) => {
      const place = placeOf('root', line.token)
      checkCount(line.args, 1, 1, place)
      refuseBlock(line, place)
      return line.args[0]!
    })
    const path = paths.at(-1)!
    return { settings: { root: path.text }, build: (env) => root(env, path) }
  },
}

/** The block's `env.files` begins at the folder; this stage only looks whether it is there. */
function root(env: Env, path: Token): Stage {
  return {
    name: 'root',
    start(): Promise<void> {
      try {
        // The folder may appear later, so its absence refuses nothing.
        if (env.files.stat(path.text) === undefined) env.log.warning(`Root path does not exist: ${path.text}`)
      } catch (error) {
        throw new ConfigError(path, 'root', `unable to access root path '${path.text}': ${(error as Error).message}`)
      }
      return Promise.resolve()
    },
  }
}
