import { chooseSource, SOURCE_TABLE } from '../../cluster/source/choice.ts'
import { applyOptions, initialValues, placeOf, readZones, refuseBlock, row, type Place } from '../../corefile/options.ts'
import type { Directive, Line, Token } from '../../corefile/tree.ts'
import type { Name } from '../../wire/name.ts'
import type { NodePodsOptions } from './node-pods.ts'

/** For lists that names show, in a block for everything: they end in the cluster's zone, not in the root. */
const CLUSTER_ZONE = 'cluster.local.'

/** Of `@pods`. */
export const AUTOPATH_TABLE = {
  node: row<string | undefined>({ form: 'NAME', help: 'this node, as the API knows it (default: the environment variable NODE_NAME)', initial: undefined, read: ([arg]) => arg!.text }),
  ...SOURCE_TABLE,
}

export interface AutopathOptions {
  readonly zones: readonly Name[]
  readonly token: Token
  readonly from: SearchSource
}

/** Where the search list comes from. */
export type SearchSource =
  /** A file like resolv.conf. */
  | { readonly kind: 'file'; readonly path: string }
  /** A plugin of the same block. */
  | { readonly kind: 'plugin'; readonly name: string }
  /** The name that is asked for; with `pods` only where a Pod of this node asks whose list it is. */
  | { readonly kind: 'name'; readonly pods: NodePodsOptions | undefined }

/** `autopath [ZONES...] RESOLVCONF|@PLUGIN|@search|@pods`. Throws ConfigError. */
export function parseAutopath(directive: Directive, blockZones: readonly Name[]): AutopathOptions {
  // Of several uses the last one counts; each must make sense.
  return directive.lines.map((line) => parseLine(line, blockZones)).at(-1)!
}

function parseLine(line: Line, blockZones: readonly Name[]): AutopathOptions {
  const place: Place = placeOf('autopath', line.token)
  const token = line.args.at(-1)
  if (token === undefined) place.fail('no resolv-conf specified; name a file such as /etc/resolv.conf, or @kubernetes')
  const from = readSource(token.text, line, place)
  const zones = line.args.slice(0, -1)
  return {
    zones: zones.length > 0 ? readZones(zones, place) : from.kind === 'name' ? blockZones.map((zone) => (zone === '.' ? CLUSTER_ZONE : zone)) : blockZones,
    token,
    from,
  }
}

function readSource(text: string, line: Line, place: Place): SearchSource {
  if (text === '@pods') {
    const values = initialValues(AUTOPATH_TABLE)
    applyOptions(line.block ?? [], AUTOPATH_TABLE, 'autopath', values)
    return { kind: 'name', pods: { node: values.node, source: chooseSource(values, place) } }
  }
  refuseBlock(line, place)
  if (text === '@search') return { kind: 'name', pods: undefined }
  return text.startsWith('@') ? { kind: 'plugin', name: text.slice(1) } : { kind: 'file', path: text }
}
