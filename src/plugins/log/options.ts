import { normalizeZone } from '../../corefile/keys.ts'
import { applyOptions, initialValues, placeOf, row, type Place } from '../../corefile/options.ts'
import type { Directive, Line, Token } from '../../corefile/tree.ts'
import type { ResponseClass } from '../../core/response-type.ts'
import type { Name } from '../../wire/name.ts'
import { compileFormat, DEFAULT_FORMAT, type Format } from './format.ts'

const CLASSES = ['all', 'success', 'denial', 'error'] as const

/** One scope with its format and the classes of answers that it logs. */
export interface LogRule {
  readonly scope: Name
  readonly format: Format
  readonly classes: ReadonlySet<ResponseClass | 'all'>
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
}

/** Every use adds rules; the first whose scope contains a name decides. */
export function parseLog(directive: Directive): LogRule[] {
  return directive.lines.flatMap(parseUse)
}

function parseUse(line: Line): LogRule[] {
  const place = placeOf('log', line.token)
  const last = line.args.at(-1)
  const hasFormat = line.args.length >= 2 && last!.text.includes('{')
  const scopes = line.args.length === 0 ? ['.'] : (hasFormat ? line.args.slice(0, -1) : line.args).flatMap((arg) => scopeOf(arg, place))
  const values = initialValues(LOG_TABLE)
  applyOptions(line.block ?? [], LOG_TABLE, 'log', values)
  const classes = new Set(values.class.length === 0 ? ['all' as const] : values.class)
  const format = compileFormat(hasFormat ? last!.text : DEFAULT_FORMAT)
  return scopes.map((scope) => ({ scope, format, classes }))
}

function scopeOf(token: Token, place: Place): string[] {
  return normalizeZone(token.text) ?? place.fail(`"${token.text}" is not a domain name; a format needs a scope before it`, token)
}
