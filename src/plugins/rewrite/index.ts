import type { Plugin } from '../../core/plugin.ts'
import { parseRewrite } from './options.ts'
import { Rewrite } from './rewrite.ts'

export const rewritePlugin: Plugin = {
  name: 'rewrite',
  parse(directive) {
    const { rules, echoed } = parseRewrite(directive)
    return {
      build: (env) => {
        for (const code of echoed) env.echoed.add(code)
        return new Rewrite(env, rules)
      },
    }
  },
}
