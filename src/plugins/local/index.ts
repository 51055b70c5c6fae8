import { checkCount, oneOf, placeOf, readOptions } from '../../corefile/options.ts'
import type { Plugin } from '../../core/plugin.ts'
import { Local, localhosts } from './local.ts'

const LOCAL_TABLE = {
  localhost_prefix: oneOf(['on', 'off'] as const, {
    initial: 'on',
    help: 'whether names such as localhost.example.org are local too (default on)',
    unknown: (word) => `expects 'on' or 'off', got "${word}"`,
  }),
}

export const localPlugin: Plugin = {
  name: 'local',
  options: LOCAL_TABLE,
  series: (metrics) => void localhosts(metrics),
  parse(directive) {
    const uses = directive.lines.map((line) => {
      checkCount(line.args, 0, 0, placeOf('local', line.token))
      return readOptions(line.block, LOCAL_TABLE, 'local').localhost_prefix
    })
    return { build: (env) => new Local(env, uses.at(-1) === 'on') }
  },
}
