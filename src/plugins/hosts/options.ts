import { formatDuration, parseDuration } from '../../base/duration.ts'
import { ConfigError } from '../../corefile/error.ts'
import { applyOptions, flag, initialValues, onlyLine, placeOf, readZones, row, zoneList } from '../../corefile/options.ts'
import type { Directive } from '../../corefile/tree.ts'
import type { Name } from '../../wire/name.ts'

const DEFAULT_FILE = '/etc/hosts'

export interface HostsOptions {
  readonly file: string
  readonly zones: readonly Name[]
  /** Lines written in the Corefile itself. */
  readonly inline: readonly string[]
  readonly ttl: number
  readonly noReverse: boolean
  /** 0 for never. */
  readonly reloadMs: number
  readonly fallthrough: readonly Name[] | undefined
  readonly fallthroughUnsupported: boolean
}

export const HOSTS_TABLE = {
  ttl: row({
    max: Infinity,
    form: 'SECONDS',
    help: 'TTL of the answers, 1 to 65535 (default 3600)',
    initial: 3600,
    read: ([arg], place) => {
      if (!/^-?\d+$/.test(arg!.text)) place.fail(`ttl needs a number of second, got "${arg!.text}"`, arg)
      const ttl = Number(arg!.text)
      return ttl < 1 || ttl > 65_535 ? place.fail(`ttl provided is invalid: must be from 1 to 65535, got ${arg!.text}`, arg) : ttl
    },
  }),
  no_reverse: row({ min: 0, max: Infinity, form: '', help: 'make no PTR records', initial: false, read: () => true }),
  reload: row({
    form: 'DURATION',
    help: 'how often to look whether the file has changed; 0 for never (default 5s)',
    initial: 5000,
    read: ([arg], place) => {
      const ms = parseDuration(arg!.text)
      if (ms === undefined) return place.fail(`invalid duration for reload '${arg!.text}'`, arg)
      return ms < 0 ? place.fail(`invalid negative duration for reload '${formatDuration(ms)}'`, arg) : ms
    },
  }),
  fallthrough: zoneList({ help: 'pass names that are not found to the next plugin, all or those in ZONES' }),
  fallthrough_unsupported: flag({ help: 'with fallthrough: also pass types other than A, AAAA and PTR of names that are found' }),
}

export function parseHosts(directive: Directive, blockZones: readonly Name[]): HostsOptions {
  const line = onlyLine(directive.lines, 'hosts')
  const [file, ...zoneArgs] = line.args
  const zones = zoneArgs.length === 0 ? blockZones : readZones(zoneArgs, placeOf('hosts', line.token))
  const inline: string[] = []
  const values = initialValues(HOSTS_TABLE)
  applyOptions(line.block ?? [], HOSTS_TABLE, 'hosts', values, (entry) => {
    if (values.fallthrough !== undefined) return false
    inline.push([entry.token, ...entry.args].map((token) => token.text).join(' '))
    return true
  })
  if (values.fallthrough_unsupported && values.fallthrough === undefined) {
    throw new ConfigError(line.close ?? line.token, 'hosts', 'fallthrough_unsupported needs fallthrough beside it')
  }
  return {
    file: file?.text ?? DEFAULT_FILE,
    zones,
    inline,
    ttl: values.ttl,
    noReverse: values.no_reverse,
    reloadMs: values.reload,
    fallthrough: values.fallthrough,
    fallthroughUnsupported: values.fallthrough_unsupported,
  }
}
