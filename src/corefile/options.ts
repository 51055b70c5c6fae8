import { parseDuration } from '../base/duration.ts'
import { nearest } from './directives.ts'
import { ConfigError, type ErrorCode } from './error.ts'
import { normalizeZone } from './keys.ts'
import type { Line, Token } from './tree.ts'

/** Where an option stands, for its errors. */
export interface Place {
  readonly directive: string
  /** The option's word, or the directive's for its arguments. */
  readonly token: Token
  /** Throws ConfigError at a token, or at the option's word. */
  fail(why: string, token?: Token, code?: ErrorCode): never
}

/** One property of a directive: how many arguments, what they mean, what holds without it. */
export interface Row<T> {
  readonly min: number
  readonly max: number
  /** As the manual page writes the arguments. */
  readonly form: string
  readonly help: string
  readonly initial: T
  /** True when a second use is an error rather than taking the place of the first. */
  readonly once: boolean
  /** `before` is the value so far: the initial one, or that of an earlier use. */
  read(args: readonly Token[], place: Place, before: T): T
}

// The rows of a table differ in their type; each is checked where it is written.
export type Table = { readonly [name: string]: Row<never> | Row<unknown> }
export type Values<T extends Table> = { -readonly [K in keyof T]: T[K] extends Row<infer V> ? V : never }

/** What a directive's block says, row by row. Throws ConfigError: unknown word, wrong number of arguments, bad value. */
export function readOptions<T extends Table>(lines: readonly Line[] | undefined, table: T, directive: string): Values<T> {
  const values = initialValues(table)
  applyOptions(lines ?? [], table, directive, values)
  return values
}

export function initialValues<T extends Table>(table: T): Values<T> {
  return Object.fromEntries(Object.entries(table).map(([name, row]) => [name, row.initial])) as Values<T>
}

/** As `readOptions`, over values that exist. Words that are no row go to `other`, if it takes them (returns true). */
export function applyOptions<T extends Table>(
  lines: readonly Line[], table: T, directive: string, values: Values<T>, other?: (line: Line, place: Place) => boolean,
): void {
  const seen = new Set<string>()
  for (const line of lines) {
    const name = line.token.text
    const place = placeOf(directive, line.token, name)
    const row = Object.hasOwn(table, name) ? table[name] as Row<unknown> : undefined
    if (row === undefined) {
      if (other?.(line, place) === true) continue
      throw unknownProperty(line.token, directive, Object.keys(table))
    }
    if (row.once && seen.has(name)) place.fail('is given twice')
    seen.add(name)
    if (line.block !== undefined) place.fail('takes no block')
    checkCount(line.args, row.min, row.max, place)
    ;(values as Record<string, unknown>)[name] = row.read(line.args, place, (values as Record<string, unknown>)[name])
  }
}

export function placeOf(directive: string, token: Token, option?: string): Place {
  return {
    directive,
    token,
    fail(why, at, code) {
      throw new ConfigError(at ?? token, directive, option === undefined ? why : `${option}: ${why}`, code)
    },
  }
}

export function checkCount(args: readonly Token[], min: number, max: number, place: Place): void {
  if (args.length < min) place.fail(`Wrong argument count or unexpected line ending after '${(args.at(-1) ?? place.token).text}': ${countText(min, max)}, got ${args.length}`, undefined, 'argument-count')
  if (args.length > max) place.fail(`Wrong argument count: ${countText(min, max)}, got ${args.length}`, args[max]!, 'argument-count')
}

/** Refuses arguments and a block: for directives that are only a word. */
export function refuseArguments(line: Line, directive: string): void {
  const place = placeOf(directive, line.token)
  checkCount(line.args, 0, 0, place)
  refuseBlock(line, place)
}

export function refuseBlock(line: Line, place: Place): void {
  const first = line.block?.[0]
  if (first !== undefined) throw unknownProperty(first.token, place.directive, [])
}

/** For directives of which CoreDNS reads the first use in a block and no other. */
export function firstLine(lines: readonly Line[]): Line {
  return lines[0]!
}

/** For directives that may stand only once in a block. Gives that one line. */
export function onlyLine(lines: readonly Line[], directive: string): Line {
  const second = lines[1]
  if (second !== undefined) throw new ConfigError(second.token, directive, 'this plugin can only be used once per Server Block')
  return lines[0]!
}

/** The lines of the manual page's Options section: one property each. */
export function formatOptions(table: Table): string[] {
  return Object.entries(table).map(([name, row]) => `- \`${name}${row.form === '' ? '' : ` ${row.form}`}\`: ${row.help}`)
}

function unknownProperty(token: Token, directive: string, known: readonly string[]): ConfigError {
  const near = nearest(token.text, known)
  const hint = near !== undefined ? `; did you mean "${near}"?` : known.length > 0 ? `; known here: ${known.join(', ')}` : ''
  return new ConfigError(token, directive, `unknown property '${token.text}'${hint}`, 'unknown-property')
}

function countText(min: number, max: number): string {
  if (max === Infinity) return `at least ${min} wanted`
  if (min === max) return min === 0 ? 'no argument wanted' : `${min} wanted`
  return `${min} to ${max} wanted`
}

/** A whole number within bounds. */
export function integer(spec: { min: number; max?: number; initial: number; help: string; form?: string }): Row<number> {
  const { min, max = Number.MAX_SAFE_INTEGER, initial, help, form = 'N' } = spec
  // The bounds are of the value, those of a row are of how many arguments it takes.
  return row({ initial, help, form, read: ([arg], place) => readInteger(arg!, min, max, place) })
}

export function readInteger(token: Token, min: number, max: number, place: Place): number {
  if (!/^[+-]?\d+$/.test(token.text)) place.fail(`"${token.text}" is not a whole number`, token)
  const value = Number(token.text)
  if (value < min || value > max) {
    place.fail(max === Number.MAX_SAFE_INTEGER ? `must be at least ${min}, got ${token.text}` : `must be from ${min} to ${max}, got ${token.text}`, token)
  }
  return value
}

/** Milliseconds from a Go duration. */
export function duration(spec: { minMs?: number; maxMs?: number; initial: number; help: string; form?: string }): Row<number> {
  return row({ ...spec, form: spec.form ?? 'DURATION', read: ([arg], place) => readDuration(arg!, spec.minMs ?? 0, spec.maxMs ?? Infinity, place) })
}

export function readDuration(token: Token, minMs: number, maxMs: number, place: Place): number {
  const ms = parseDuration(token.text)
  if (ms === undefined) place.fail(`invalid duration: "${token.text}"; write a number with a unit, such as 500ms, 30s or 1h`, token)
  if (ms < 0 && minMs === 0) place.fail(`can't be negative: ${token.text}`, token)
  if (ms < minMs) place.fail(`must be at least ${minMs / 1000}s, got ${token.text}`, token)
  if (ms > maxMs) place.fail(`must be at most ${maxMs / 1000}s, got ${token.text}`, token)
  return ms
}

/** Present or not. */
export function flag(spec: { help: string }): Row<boolean> {
  return row({ ...spec, min: 0, max: 0, form: '', initial: false, read: () => true })
}

/** One of some words, in any letter case when `anyCase`. */
export function oneOf<W extends string>(words: readonly W[], spec: { initial: W; help: string; unknown?: (word: string) => string }): Row<W> {
  return row({
    ...spec,
    form: words.join('|'),
    read: ([arg], place) => words.find((word) => word === arg!.text)
      ?? place.fail(spec.unknown?.(arg!.text) ?? `"${arg!.text}" is not one of ${words.join(', ')}`, arg),
  })
}

/** `fallthrough [ZONES...]`: undefined when not given, an empty list for every name. Invalid zones are refused. */
export function zoneList(spec: { help: string }): Row<readonly string[] | undefined> {
  return row<readonly string[] | undefined>({
    ...spec,
    min: 0,
    max: Infinity,
    form: '[ZONES...]',
    initial: undefined,
    read: (args, place) => readZones(args, place),
  })
}

export function readZones(args: readonly Token[], place: Place): string[] {
  return args.flatMap((arg) => normalizeZone(arg.text) ?? place.fail(`"${arg.text}" is not a domain name or CIDR`, arg))
}

/** Any other row. */
export function row<T>(spec: {
  min?: number
  max?: number
  form: string
  help: string
  initial: T
  once?: boolean
  read: (args: readonly Token[], place: Place, before: T) => T
}): Row<T> {
  return { ...spec, min: spec.min ?? 1, max: spec.max ?? 1, once: spec.once ?? false }
}
