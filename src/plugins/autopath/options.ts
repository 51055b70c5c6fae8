import { placeOf, readZones, refuseBlock, type Place } from '../../corefile/options.ts'
import type { Directive, Line, Token } from '../../corefile/tree.ts'
import type { Name } from '../../wire/name.ts'

/** For `@search` in a block for everything: search lists end in the cluster's zone, not in the root. */
const CLUSTER_ZONE = 'cluster.local.'

export interface AutopathOptions {
  readonly zones: readonly Name[]
  readonly token: Token
  /** Where the search list comes from: a file like resolv.conf, a plugin of the same block, or the name that is asked for itself. */
  readonly from: { readonly kind: 'file'; readonly path: string } | { readonly kind: 'plugin'; readonly name: string } | { readonly kind: 'search' }
}

/** `autopath [ZONES...] RESOLVCONF|@PLUGIN|@search`. Throws ConfigError. */
export function parseAutopath(directive: Directive, blockZones: readonly Name[]): AutopathOptions {
  // Of several uses the last one counts; each must make sense.
  return directive.lines.map((line) => parseLine(line, blockZones)).at(-1)!
}

function parseLine(line: Line, blockZones: readonly Name[]): AutopathOptions {
  const place: Place = placeOf('autopath', line.token)
  refuseBlock(line, place)
  const source = line.args.at(-1)
  if (source === undefined) place.fail('no resolv-conf specified; name a file such as /etc/resolv.conf, or @kubernetes')
  const zones = line.args.slice(0, -1)
  return {
    zones: zones.length > 0 ? readZones(zones, place) : source.text === '@search' ? blockZones.map((zone) => (zone === '.' ? CLUSTER_ZONE : zone)) : blockZones,
    token: source,
    from: source.text === '@search' ? { kind: 'search' } : source.text.startsWith('@') ? { kind: 'plugin', name: source.text.slice(1) } : { kind: 'file', path: source.text },
  }
}
