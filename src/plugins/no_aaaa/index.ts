import { placeOf, readZones, refuseBlock } from '../../corefile/options.ts'
import type { Plugin } from '../../core/plugin.ts'
import { NoAaaa } from './no-aaaa.ts'

export const noAaaaPlugin: Plugin = {
  name: 'no_aaaa',
  parse(directive, context) {
    const zones = directive.lines.flatMap((line) => {
      const place = placeOf('no_aaaa', line.token)
      refuseBlock(line, place)
      return line.args.length === 0 ? context.zones : readZones(line.args, place)
    })
    return { build: (env) => new NoAaaa(env, [...new Set(zones)]) }
  },
}
