import { parseDuration } from '../../base/duration.ts'
import { applyOptions, checkCount, placeOf, readInteger, row, type Place, type Values } from '../../corefile/options.ts'
import type { Token } from '../../corefile/tree.ts'
import type { Plugin } from '../../core/plugin.ts'
import { DEFAULT_SETTINGS } from '../../core/settings.ts'

const MIN_MS = 1000
const MAX_MS = 24 * 3_600_000

const defaults = DEFAULT_SETTINGS.timeouts
const TIMEOUTS_TABLE = {
  read: timeout('how long to wait for the first message on a TCP connection (default 3s)', defaults.readMs),
  write: timeout('how long a client may take to read a reply (default 5s)', defaults.writeMs),
  idle: timeout('how long a TCP connection may be without messages (default 10s)', defaults.idleMs),
  maxtcpqueries: row({
    form: 'N',
    help: 'queries on one TCP connection before it is closed; -1 for no limit (default -1)',
    initial: defaults.maxTcpQueries,
    read: ([arg], place) => {
      const value = readInteger(arg!, -1, Number.MAX_SAFE_INTEGER, place)
      return value === 0 ? place.fail('must be -1 or at least 1, got 0', arg) : value
    },
  }),
}

export const timeoutsPlugin: Plugin = {
  name: 'timeouts',
  options: TIMEOUTS_TABLE,
  parse(directive) {
    const values: Values<typeof TIMEOUTS_TABLE> = {
      read: defaults.readMs, write: defaults.writeMs, idle: defaults.idleMs, maxtcpqueries: defaults.maxTcpQueries,
    }
    for (const line of directive.lines) {
      const place: Place = placeOf('timeouts', line.token)
      checkCount(line.args, 0, 0, place)
      if (line.block === undefined || line.block.length === 0) place.fail('timeouts block with no timeouts specified; give at least one of read, write, idle, maxtcpqueries', line.close)
      applyOptions(line.block, TIMEOUTS_TABLE, 'timeouts', values)
    }
    return { settings: { timeouts: { readMs: values.read, writeMs: values.write, idleMs: values.idle, maxTcpQueries: values.maxtcpqueries } } }
  },
}

function timeout(help: string, initial: number) {
  return row({ form: 'DURATION', help: `${help}; a bare number is seconds`, initial, read: ([arg], place) => readTimeout(arg!, place) })
}

function readTimeout(token: Token, place: Place): number {
  const ms = /^\d+$/.test(token.text) ? Number(token.text) * 1000 : parseDuration(token.text)
  if (ms === undefined) place.fail(`failed to parse duration: "${token.text}"`, token)
  if (ms < MIN_MS || ms > MAX_MS) place.fail(`timeout provided '${token.text}' needs to be between 1 second and 24 hours`, token)
  return ms
}
