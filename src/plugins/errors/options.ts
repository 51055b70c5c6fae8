import { compileGoRegexp } from '../../corefile/regexp.ts'
import { applyOptions, flag, initialValues, onlyLine, placeOf, readDuration, row, type Place } from '../../corefile/options.ts'
import type { Directive, Token } from '../../corefile/tree.ts'

export const LEVELS = ['warning', 'error', 'info', 'debug'] as const
export type ErrorLevel = (typeof LEVELS)[number]

/** Errors that are counted and summed up in one line per window. */
export interface Consolidation {
  readonly windowMs: number
  readonly pattern: RegExp
  /** As written, for the summary. */
  readonly source: string
  readonly level: ErrorLevel
  /** Log the first of a window at once. */
  readonly showFirst: boolean
  /** The window as Go prints it. */
  readonly windowText: string
}

export interface ErrorsOptions {
  readonly stacktrace: boolean
  readonly patterns: readonly Consolidation[]
}

export const ERRORS_TABLE = {
  stacktrace: flag({ help: 'log the stack with a bug in a plugin' }),
  consolidate: row<readonly Consolidation[]>({
    min: 2,
    max: 4,
    form: 'DURATION REGEXP [LEVEL] [show_first]',
    help: 'count errors that match REGEXP and log one line per DURATION, at LEVEL (default error), and with show_first the first one too',
    initial: [],
    read: (args, place, before) => [...before, readConsolidation(args, place)],
  }),
}

export function parseErrors(directive: Directive): ErrorsOptions {
  const line = onlyLine(directive.lines, 'errors')
  const place = placeOf('errors', line.token)
  for (const arg of line.args) if (arg.text !== 'stdout') place.fail(`invalid log file: ${arg.text}; only stdout is supported`, arg)
  if (line.args.length > 1) place.fail('Wrong argument count: at most 1 wanted', line.args[1])
  const values = initialValues(ERRORS_TABLE)
  applyOptions(line.block ?? [], ERRORS_TABLE, 'errors', values)
  return { stacktrace: values.stacktrace, patterns: values.consolidate }
}

function readConsolidation(args: readonly Token[], place: Place): Consolidation {
  const [window, pattern, ...words] = args
  const windowMs = readDuration(window!, 0, Infinity, place)
  let level: ErrorLevel | undefined
  let showFirst = false
  for (const word of words) {
    const named = LEVELS.find((candidate) => candidate === word.text)
    if (word.text === 'show_first' && !showFirst) showFirst = true
    else if (named !== undefined && level === undefined && !showFirst) level = named
    else place.fail(`unknown or misplaced word "${word.text}"; after the pattern come a level (${LEVELS.join(', ')}) and then show_first`, word)
  }
  return { windowMs, windowText: window!.text, pattern: readPattern(pattern!, place), source: pattern!.text, level: level ?? 'error', showFirst }
}

function readPattern(token: Token, place: Place): RegExp {
  try {
    return compileGoRegexp(token.text)
  } catch (error) {
    return place.fail(`invalid pattern "${token.text}": ${(error as Error).message}`, token)
  }
}
