import { parseDuration } from '../../base/duration.ts'
import { normalizeZone } from '../../corefile/keys.ts'
import { applyOptions, duration, flag, initialValues, integer, oneOf, placeOf, readDuration, readInteger, row, type Place } from '../../corefile/options.ts'
import type { Directive, Line, Token } from '../../corefile/tree.ts'
import type { ResponseClass } from '../../core/response-type.ts'
import type { Name } from '../../wire/name.ts'
import { compileFormat, DEFAULT_FORMAT, DETAILED_FORMAT, type Format } from './format.ts'

const CLASSES = ['all', 'success', 'denial', 'error'] as const

/** One scope with what is logged of it, and how. */
export interface LogRule {
  readonly scope: Name
  readonly format: Format | 'json'
  /** A line is written when one of the three says so. */
  readonly classes: ReadonlySet<ResponseClass | 'all'>
  /** Undefined: time does not matter. */
  readonly slowMs: number | undefined
  readonly errors: boolean
  /** One line of so many. */
  readonly sample: number
  readonly limit: Limit | undefined
}

/** At most so many lines in so much time. */
export interface Limit {
  readonly lines: number
  readonly perMs: number
}

export const LOG_TABLE = {
  class: row<readonly (typeof CLASSES)[number][]>({
    min: 1,
    max: Infinity,
    form: 'CLASS...',
    help: 'which answers to log: all (default), success, denial, error',
    initial: [],
    read: (args, place, before) => [...before, ...args.map((arg) => CLASSES.find((known) => known === arg.text) ?? place.fail(`invalid Class: ${arg.text}`, arg))],
  }),
  slow: duration({ minMs: 1, initial: 0, help: 'log queries that took at least so long, with the time of each upstream; without class no others' }),
  errors: flag({ help: 'log queries that failed, with the reason; without class no others' }),
  format: oneOf(['text', 'json'], { initial: 'text', help: 'one JSON object a line instead of text' }),
  sample: integer({ min: 1, initial: 1, help: 'write one line of N (default 1)' }),
  limit: row<Limit | undefined>({
    min: 1, max: 2, form: 'N [DURATION]', help: 'write at most N lines in DURATION (default 1s), then say how many were left out', initial: undefined,
    read: ([lines, per], place) => ({ lines: readInteger(lines!, 1, 1_000_000, place), perMs: per === undefined ? 1000 : readDuration(per, 1, Infinity, place) }),
  }),
}

/** Every use adds rules; the first whose scope contains a name decides. Lines such as `log slow 100ms` make one rule together. */
export function parseLog(directive: Directive): LogRule[] {
  const picks = directive.lines.filter(isPick)
  return directive.lines.flatMap((line) => (!isPick(line) ? parseUse(line, []) : line === picks[0] ? parseUse({ token: line.token, args: [] }, picks) : []))
}

/** `log slow 100ms`, `log errors`: a log of names that are none to CoreDNS, where everybody means the option. */
export function isPick({ args }: Line): boolean {
  const [first, second] = args
  if (first?.text === 'errors') return args.length === 1
  return first?.text === 'slow' && args.length === 2 && parseDuration(second!.text) !== undefined
}

function parseUse(line: Line, picks: readonly Line[]): LogRule[] {
  const place = placeOf('log', line.token)
  const last = line.args.at(-1)
  const hasFormat = line.args.length >= 2 && last!.text.includes('{')
  const scopes = line.args.length === 0 ? ['.'] : (hasFormat ? line.args.slice(0, -1) : line.args).flatMap((arg) => scopeOf(arg, place))
  const values = initialValues(LOG_TABLE)
  for (const { args, block } of picks) applyOptions([{ token: args[0]!, args: args.slice(1) }, ...block ?? []], LOG_TABLE, 'log', values)
  applyOptions(line.block ?? [], LOG_TABLE, 'log', values)
  if (hasFormat && values.format === 'json') place.fail('a FORMAT and "format json" cannot both be given', last)
  const picky = values.slow > 0 || values.errors
  const classes = new Set(values.class.length === 0 && !picky ? ['all' as const] : values.class)
  const format = values.format === 'json' ? 'json' : compileFormat(hasFormat ? last!.text : picky ? DETAILED_FORMAT : DEFAULT_FORMAT)
  return scopes.map((scope) => ({ scope, format, classes, slowMs: values.slow > 0 ? values.slow : undefined, errors: values.errors, sample: values.sample, limit: values.limit }))
}

function scopeOf(token: Token, place: Place): string[] {
  return normalizeZone(token.text) ?? place.fail(`"${token.text}" is not a domain name; a format needs a scope before it`, token)
}
