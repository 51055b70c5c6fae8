import { ConfigError } from '../../corefile/error.ts'
import {
  applyOptions, flag, initialValues, oneOf, onlyLine, placeOf, readDuration, readInteger, readZones, row, zoneList, type Place,
} from '../../corefile/options.ts'
import type { Directive, Token } from '../../corefile/tree.ts'
import { chooseSource, SOURCE_TABLE } from '../../cluster/source/choice.ts'
import type { SourceChoice } from '../../cluster/source/source.ts'
import { parseSelector, type Selector } from '../../cluster/selector.ts'
import { isReverse } from '../../core/reverse.ts'
import { isSubdomain, type Name } from '../../wire/name.ts'

export type PodMode = 'disabled' | 'insecure' | 'verified'

export interface KubernetesOptions {
  readonly token: Token
  readonly zones: readonly Name[]
  /** Ends the targets of PTR records. */
  readonly primaryZone: Name
  readonly source: SourceChoice
  /** As written: one with capitals is that of no name. Empty for all. */
  readonly namespaces: ReadonlySet<string>
  readonly namespaceLabels: Selector | undefined
  readonly labels: Selector | undefined
  readonly pods: PodMode
  readonly endpointPodNames: boolean
  readonly ttl: number
  readonly endpoints: boolean
  readonly fallthrough: readonly Name[] | undefined
  readonly ignoreEmptyService: boolean
  readonly zonal: boolean
  /** Those of the zones that are answered from what other clusters share. */
  readonly multicluster: ReadonlySet<Name>
  /** Keys of labels of pods that the block's metadata is asked for. */
  readonly podLabels: readonly string[]
  readonly startupTimeoutMs: number
  /** File of the index, for the next start. */
  readonly snapshot: string | undefined
}

interface NamedZone {
  readonly zone: Name
  readonly token: Token
}

const selector = (form: string, help: string) => row<Selector | undefined>({ min: 1, max: Infinity, form, help, initial: undefined, read: readSelector })
const ignored = (help: string, whole: boolean) => row({ form: 'N', help, initial: 0, read: ([arg], place) => readRate(arg!, whole, place) })

export const KUBERNETES_TABLE = {
  ...SOURCE_TABLE,
  apiserver_qps: ignored('taken for compatibility: list and watch make few requests', false),
  apiserver_burst: ignored('taken for compatibility', true),
  apiserver_max_inflight: ignored('taken for compatibility', true),
  namespaces: row<readonly string[]>({ min: 1, max: Infinity, form: 'NAMESPACE...', help: 'serve only these', initial: [], read: (args, _place, before) => [...before, ...args.map((arg) => arg.text)] }),
  namespace_labels: selector('SELECTOR', 'serve only namespaces with these labels'),
  labels: selector('SELECTOR', 'serve only objects with these labels'),
  pods: oneOf(['disabled', 'insecure', 'verified'] as const, {
    initial: 'disabled',
    help: 'names such as 10-0-0-1.NAMESPACE.pod: none (default), all that are addresses, or those of pods that exist',
    unknown: (word) => `wrong value for pods: ${word},  must be one of: disabled, verified, insecure`,
  }),
  endpoint_pod_names: flag({ help: 'name endpoints after their pods' }),
  ttl: row({
    max: Infinity, form: 'SECONDS', help: 'TTL of answers, 0 to 3600 (default 5)', initial: 5,
    read: ([arg], place) => {
      const ttl = readInteger(arg!, -Infinity, Infinity, place)
      return ttl < 0 || ttl > 3600 ? place.fail(`ttl must be in range [0, 3600]: ${ttl}`, arg) : ttl
    },
  }),
  noendpoints: flag({ help: 'do not watch endpoints: headless services and endpoint names do not exist' }),
  fallthrough: zoneList({ help: 'pass names that do not exist to the next plugin, all or those in ZONES' }),
  ignore: row({
    min: 0, max: Infinity, form: 'empty_service', help: 'services without ready endpoints do not exist', initial: false,
    read: ([arg], place, before) => (arg === undefined ? before : arg.text === 'empty_service' || place.fail(`unable to parse ignore value: '${arg.text}'; empty_service is known`, arg)),
  }),
  multicluster: row<readonly NamedZone[]>({ min: 0, max: Infinity, form: '[ZONES...]', help: 'answer for these of the zones from what other clusters share: ServiceImports and their endpoints', initial: [], read: (args, place) => args.flatMap((token) => readZones([token], place).map((zone) => ({ zone, token }))) }),
  zonal: flag({ help: 'names such as ZONE.pin._zone.SERVICE.NAMESPACE.svc for endpoints of a topology zone' }),
  snapshot: row<string | undefined>({ form: 'PATH', help: 'a file that keeps what the API server said, to start from when it does not answer', initial: undefined, read: ([arg]) => arg!.text }),
  startup_timeout: row({ max: Infinity, form: 'DURATION', initial: 5000, help: 'how long to wait for the first objects before serving without them (default 5s)', read: ([arg], place) => readDuration(arg!, 0, Infinity, place) }),
}

/** `podLabels`: what the block's directives name of them. Throws ConfigError. */
export function parseKubernetes(directive: Directive, blockZones: readonly Name[], podLabels: readonly string[]): KubernetesOptions {
  const line = onlyLine(directive.lines, 'kubernetes')
  const place: Place = placeOf('kubernetes', line.token)
  const zones = line.args.length === 0 ? blockZones : readZones(line.args, place)
  const values = initialValues(KUBERNETES_TABLE)
  applyOptions(line.block ?? [], KUBERNETES_TABLE, 'kubernetes', values)
  const primaryZone = zones.find((zone) => !isReverse(zone))
  if (primaryZone === undefined) throw new ConfigError(line.args[0] ?? line.token, 'kubernetes', 'non-reverse zone name must be used; add the cluster\'s zone, such as cluster.local')
  if (values.namespaces.length > 0 && values.namespace_labels !== undefined) place.fail('namespaces and namespace_labels cannot both be set')
  if (values.snapshot !== undefined && values.objects.length > 0) place.fail('objects need no snapshot; remove one of them')
  if (values.zonal && values.noendpoints) place.fail('zonal requires the endpoint cache; remove noendpoints')
  return {
    token: line.token,
    zones,
    primaryZone,
    source: chooseSource(values, place),
    namespaces: new Set(values.namespaces),
    namespaceLabels: values.namespace_labels,
    labels: values.labels,
    pods: values.pods,
    endpointPodNames: values.endpoint_pod_names,
    ttl: values.ttl,
    endpoints: !values.noendpoints,
    fallthrough: values.fallthrough,
    ignoreEmptyService: values.ignore,
    zonal: values.zonal,
    multicluster: multiclusterZones(values.multicluster, zones, place),
    podLabels: values.pods === 'verified' ? podLabels : [],
    startupTimeoutMs: values.startup_timeout,
    snapshot: values.snapshot,
  }
}

/** A zone below one that is named is meant too. */
function multiclusterZones(named: readonly NamedZone[], zones: readonly Name[], place: Place): ReadonlySet<Name> {
  for (const { zone, token } of named) {
    if (!zones.includes(zone)) place.fail(`is not authoritative for the multicluster zone ${zone} (authoritative zones: [${zones.join(' ')}]); add it to the zones of kubernetes`, token)
  }
  return new Set(zones.filter((zone) => named.some((each) => isSubdomain(zone, each.zone))))
}

function readSelector(args: readonly Token[], place: Place): Selector {
  try {
    return parseSelector(args.map((arg) => arg.text).join(' '))
  } catch (error) {
    return place.fail(`unable to parse label selector value: ${(error as Error).message}`, args[0])
  }
}

function readRate(token: Token, whole: boolean, place: Place): number {
  const value = Number(token.text)
  if (!(whole ? /^[-+]?\d+$/ : /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i).test(token.text)) place.fail(`"${token.text}" is not a number`, token)
  return value < 0 ? place.fail(`can not be negative: ${token.text}`, token) : value
}
