import { placeOf, type Place } from '../../corefile/options.ts'
import type { Directive, Line, Token } from '../../corefile/tree.ts'
import { parseEdnsRule } from './edns-rule.ts'
import { parseNameRule } from './name-rule.ts'
import type { Rule } from './rule.ts'
import { parseClassRule, parseCnameRule, parseRcodeRule, parseTtlRule, parseTypeRule } from './small-rules.ts'

export interface RewriteOptions {
  readonly rules: readonly Rule[]
  /** EDNS option codes that replies may copy from now on. */
  readonly echoed: readonly number[]
}

/** `rewrite [continue|stop] FIELD …`, or the same words in a block. Throws ConfigError. */
export function parseRewrite(directive: Directive): RewriteOptions {
  const rules: Rule[] = []
  const echoed: number[] = []
  for (const line of directive.lines) {
    const place = placeOf('rewrite', line.token)
    const rule = parseRule(words(line), place, (code) => echoed.push(code))
    rules.push(rule)
  }
  return { rules, echoed }
}

/** All words of the block make one rule with those of the line. */
function words(line: Line): Token[] {
  return [...line.args, ...(line.block ?? []).flatMap((inner) => [inner.token, ...inner.args])]
}

function parseRule(all: readonly Token[], place: Place, echo: (code: number) => void): Rule {
  const [first] = all
  if (first === undefined) place.fail('no rule type specified for rewrite; name, type, class, ttl, rcode, cname or edns0 wanted')
  const word = first!.text.toLowerCase()
  const hasMode = word === 'continue' || word === 'stop'
  const mode = word === 'continue' ? 'continue' : 'stop'
  const [field, ...args] = hasMode ? all.slice(1) : all
  if (field === undefined) place.fail(`${word} rule must begin with a rule type`, first)
  switch (field!.text.toLowerCase()) {
    case 'answer': return place.fail('response rewrites must begin with a name rule', field)
    case 'name': return parseNameRule(mode, args, place)
    case 'type': return parseTypeRule(mode, args, place)
    case 'class': return parseClassRule(mode, args, place)
    case 'ttl': return parseTtlRule(mode, args, place)
    case 'rcode': return parseRcodeRule(mode, args, place)
    case 'cname': return parseCnameRule(mode, args, place)
    case 'edns0': {
      const { rule, echoed } = parseEdnsRule(mode, args, place)
      if (echoed !== undefined) echo(echoed)
      return rule
    }
    default: return place.fail(`invalid rule type "${field!.text}"`, field)
  }
}
