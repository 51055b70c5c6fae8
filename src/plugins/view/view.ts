import { ExpressionError } from '../../core/expression.ts'
import { NEXT, type Stage } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { queryScope } from '../../core/query-scope.ts'
import type { ViewOptions } from './options.ts'

/** Lets the block answer only the queries that its conditions hold for (specification 3.21). */
export function view({ name, conditions }: ViewOptions): Stage {
  return {
    name: 'view',
    query: () => NEXT,
    accepts(q: Query): boolean {
      const scope = queryScope(q)
      try {
        return conditions.every((condition) => condition.evaluate(scope) === true)
      } catch (error) {
        // A condition that cannot be worked out for a query does not hold for it.
        if (error instanceof ExpressionError) return false
        throw error
      }
    },
    metadata: (label) => (label === 'view/name' ? name : undefined),
  }
}
