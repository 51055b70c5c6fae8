import { parsePrefix, type Prefix } from '../../base/ip.ts'
import { applyOptions, checkCount, initialValues, placeOf, readDuration, row, type Place } from '../../corefile/options.ts'
import type { Directive, Line, Token } from '../../corefile/tree.ts'

const RELOAD_MS = 30_000

export type LoadBalanceOptions =
  | { readonly policy: 'round_robin'; readonly prefer: readonly Prefix[] }
  | { readonly policy: 'weighted'; readonly token: Token; readonly file: string; readonly reloadMs: number }

export const PREFER_TABLE = {
  prefer: row<readonly Prefix[]>({
    min: 0, max: Infinity, form: 'CIDR...', help: 'round_robin: addresses in the first CIDR come first, then those in the second, then the rest', initial: [],
    read: (args, place, before) => [...before, ...args.map((arg) => readCidr(arg, place))],
  }),
}

export const WEIGHTED_TABLE = {
  reload: row({
    form: 'DURATION', help: 'weighted: how often to look whether the file of weights has changed; 0 for never (default 30s)', initial: RELOAD_MS,
    read: ([arg], place) => readDuration(arg!, 0, Infinity, place),
  }),
}

/** `loadbalance [round_robin | weighted FILE] { … }`. Of several uses the last policy counts, with all preferences since. Throws ConfigError. */
export function parseLoadBalance(directive: Directive): LoadBalanceOptions {
  return directive.lines.map(parseLine).reduce((before, next) => (
    before.policy === 'round_robin' && next.policy === 'round_robin' ? { ...next, prefer: [...before.prefer, ...next.prefer] } : next
  ))
}

function parseLine(line: Line): LoadBalanceOptions {
  const place: Place = placeOf('loadbalance', line.token)
  const [policy, file] = line.args
  const word = policy?.text ?? 'round_robin'
  if (word === 'round_robin') {
    checkCount(line.args, 0, 1, place)
    const values = initialValues(PREFER_TABLE)
    applyOptions(line.block ?? [], PREFER_TABLE, 'loadbalance', values)
    return { policy: 'round_robin', prefer: values.prefer }
  }
  if (word !== 'weighted') place.fail(`unknown policy: ${word}; known are round_robin and weighted FILE`, policy)
  if (file === undefined) place.fail('missing weight file argument')
  checkCount(line.args, 2, 2, place)
  const values = initialValues(WEIGHTED_TABLE)
  applyOptions(line.block ?? [], WEIGHTED_TABLE, 'loadbalance', values)
  return { policy: 'weighted', token: file, file: file.text, reloadMs: values.reload }
}

function readCidr(token: Token, place: Place): Prefix {
  const prefix = token.text.includes('/') ? parsePrefix(token.text) : undefined
  return prefix ?? place.fail(`invalid CIDR '${token.text}'; write a network such as 10.0.0.0/8`, token)
}
