import { applyOptions, flag, initialValues, placeOf, readInteger, readZones, row, zoneList } from '../../corefile/options.ts'
import type { Directive, Token } from '../../corefile/tree.ts'
import { parseName, type Name } from '../../wire/name.ts'

export interface K8sExternalOptions {
  readonly token: Token
  readonly zones: readonly Name[]
  /** Labels of the zone's own names, such as `dns` in `ns1.dns.ZONE`. */
  readonly apex: string
  readonly ttl: number
  readonly headless: boolean
  readonly fallthrough: readonly Name[] | undefined
}

const TTL_LIMIT = 3600

export const K8S_EXTERNAL_TABLE = {
  apex: row({
    form: 'LABEL', help: 'label of the zone\'s own names: the name server is ns1.LABEL.ZONE (default dns)', initial: 'dns',
    read: ([arg], place) => (parseName(arg!.text) === undefined ? place.fail(`"${arg!.text}" is no label`, arg) : arg!.text),
  }),
  ttl: row({
    form: 'SECONDS', help: 'TTL of addresses, PTR, NS and SOA records, 0 to 3600 (default 5); others have that of kubernetes', initial: 5,
    read: ([arg], place) => {
      const ttl = readInteger(arg!, -Infinity, Infinity, place)
      return ttl < 0 || ttl > TTL_LIMIT ? place.fail(`ttl must be in range [0, ${TTL_LIMIT}]: ${ttl}`, arg) : ttl
    },
  }),
  headless: flag({ help: 'headless services without external addresses answer with their endpoints' }),
  fallthrough: zoneList({ help: 'pass names that do not exist to the next plugin, all or those in ZONES' }),
}

/** Of several uses the last one's zones count, and all their properties. Throws ConfigError. */
export function parseK8sExternal(directive: Directive, blockZones: readonly Name[]): K8sExternalOptions {
  const values = initialValues(K8S_EXTERNAL_TABLE)
  for (const line of directive.lines) applyOptions(line.block ?? [], K8S_EXTERNAL_TABLE, 'k8s_external', values)
  const last = directive.lines.at(-1)!
  return {
    token: directive.token,
    zones: last.args.length === 0 ? blockZones : readZones(last.args, placeOf('k8s_external', last.token)),
    ...values,
  }
}
