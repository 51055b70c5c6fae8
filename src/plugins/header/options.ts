import { ConfigError } from '../../corefile/error.ts'
import { placeOf, row, type Place } from '../../corefile/options.ts'
import type { Directive, Line, Token } from '../../corefile/tree.ts'

export const FLAGS = ['aa', 'ra', 'rd'] as const

/** One flag and what it becomes. */
export interface FlagRule {
  readonly flag: (typeof FLAGS)[number]
  readonly on: boolean
}

export interface HeaderOptions {
  /** In the order of the file; later ones overrule earlier ones. */
  readonly query: readonly FlagRule[]
  readonly response: readonly FlagRule[]
}

const rulesRow = (help: string) => row<readonly FlagRule[]>({ min: 2, max: Infinity, form: 'set|clear FLAG...', help, initial: [], read: readRules })

export const HEADER_TABLE = {
  query: rulesRow('flags of the query as later plugins and upstreams see it: aa, ra, rd'),
  response: rulesRow('flags of the reply: aa, ra, rd'),
}

/** Throws ConfigError. As in CoreDNS the first use that has rules is the only one that counts, and later ones are not even read. */
export function parseHeader(directive: Directive): HeaderOptions {
  for (const line of directive.lines) {
    const options = readUse(line)
    if (options.query.length + options.response.length > 0) return options
  }
  throw new ConfigError(directive.token, 'header', 'Wrong argument count or unexpected line ending: at least one rule is wanted, such as "response set ra"')
}

function readUse(use: Line): HeaderOptions {
  const options: { query: readonly FlagRule[]; response: readonly FlagRule[] } = { query: [], response: [] }
  for (const line of use.block ?? []) {
    const word = line.token.text.toLowerCase()
    if (word !== 'query' && word !== 'response') throw new ConfigError(line.token, 'header', `invalid selector=${word} should be query or response`)
    const place = placeOf('header', line.token, word)
    if (line.block !== undefined) place.fail('takes no block')
    options[word] = readRules(line.args, place, options[word])
  }
  return options
}

function readRules(args: readonly Token[], place: Place, before: readonly FlagRule[]): readonly FlagRule[] {
  const [action, ...flags] = args
  if (action === undefined) place.fail('no flag action provided, write set or clear')
  if (flags.length === 0) place.fail('invalid length for flags, at least one should be provided')
  const word = action.text.toLowerCase()
  if (word !== 'set' && word !== 'clear') place.fail(`unknown flag action=${word}, should be set or clear`, action)
  return [...before, ...flags.map((token) => ({ flag: readFlag(token, place), on: word === 'set' }))]
}

function readFlag(token: Token, place: Place): FlagRule['flag'] {
  const word = token.text.toLowerCase()
  return FLAGS.find((known) => known === word) ?? place.fail(`unknown/unsupported flag=${word}; known are ${FLAGS.join(', ')}`, token)
}
