import type { Plugin } from '../core/plugin.ts'
import type { ConfigError, ErrorCode } from '../corefile/error.ts'

/** Where an error says no more than what is wrong. */
const GENERAL: Readonly<Record<ErrorCode, string>> = {
  'syntax': 'every server block is: ZONES { DIRECTIVES }, each directive on a line of its own',
  'unknown-directive': 'remove it, or correct its spelling; -plugins lists the directives',
  'unknown-property': 'remove it, or correct its spelling',
  'argument-count': 'correct the arguments',
  'bad-value': 'correct the value',
}

/** An error's text in its two halves: what is wrong, and what to do, from the option's table where the error does not say it. */
export function remedyFor(error: ConfigError, plugins: ReadonlyMap<string, Plugin>): { readonly message: string; readonly remedy: string } {
  const text = error.directive === undefined ? error.why : `${error.directive}: ${error.why}`
  const cut = text.lastIndexOf('; ')
  if (cut > 0) return { message: text.slice(0, cut), remedy: text.slice(cut + 2) }
  return { message: text, remedy: fromTable(error, plugins) ?? GENERAL[error.code] }
}

/** How the option is written: errors of options begin with its name. */
function fromTable(error: ConfigError, plugins: ReadonlyMap<string, Plugin>): string | undefined {
  const option = /^(\w+): /.exec(error.why)?.[1]
  const table = error.directive === undefined ? undefined : plugins.get(error.directive)?.options
  const row = option === undefined || table === undefined || !Object.hasOwn(table, option) ? undefined : table[option]
  return row === undefined ? undefined : `write "${[option, row.form].filter((word) => word !== '').join(' ')}": ${row.help}`
}
