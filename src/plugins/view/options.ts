import { ExpressionError, type Expression } from '../../core/expression.ts'
import { parseQueryExpression } from '../../core/query-scope.ts'
import { checkCount, onlyLine, placeOf, readOptions, row, type Place } from '../../corefile/options.ts'
import type { Directive, Token } from '../../corefile/tree.ts'

export interface ViewOptions {
  readonly name: string
  /** All must be true. */
  readonly conditions: readonly Expression[]
}

export const VIEW_TABLE = {
  expr: row<readonly Expression[]>({
    min: 0, max: Infinity, form: 'EXPRESSION...', help: 'a condition on the query; when it is given several times, all must hold', initial: [],
    read: (args, place, before) => [...before, readCondition(args, place)],
  }),
}

/** Throws ConfigError. */
export function parseView(directive: Directive): ViewOptions {
  const line = onlyLine(directive.lines, 'view')
  checkCount(line.args, 1, 1, placeOf('view', line.token))
  return { name: line.args[0]!.text, conditions: readOptions(line.block, VIEW_TABLE, 'view').expr }
}

function readCondition(tokens: readonly Token[], place: Place): Expression {
  try {
    return parseQueryExpression(tokens.map((token) => token.text).join(' '))
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    return place.fail(`not an expression: ${error.message}`, tokens[0])
  }
}
