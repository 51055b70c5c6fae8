import { canBePure } from '../../cluster/purity.ts'
import { placeOf, readZones, refuseBlock } from '../../corefile/options.ts'
import type { Plugin } from '../../core/plugin.ts'
import { Pure } from './pure.ts'

/** In a block for everything: no resolver has a pure root. */
const CLUSTER_ZONE = 'cluster.local.'

export const purePlugin: Plugin = {
  name: 'pure',
  parse(directive, context) {
    const zones = directive.lines.flatMap((line) => {
      const place = placeOf('pure', line.token)
      refuseBlock(line, place)
      const named = line.args.length > 0 ? readZones(line.args, place) : context.zones.map((zone) => (zone === '.' ? CLUSTER_ZONE : zone))
      if (!named.every(canBePure)) place.fail('reverse zones and the root are never pure; name the cluster\'s zone, such as cluster.local')
      return named
    })
    return { build: (env) => new Pure(env, [...new Set(zones)]) }
  },
}
