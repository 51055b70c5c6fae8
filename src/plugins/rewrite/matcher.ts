import { compileGoRegexp } from '../../corefile/regexp.ts'
import type { Place } from '../../corefile/options.ts'
import type { Token } from '../../corefile/tree.ts'

export const MATCH_KINDS = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const
export type MatchKind = (typeof MATCH_KINDS)[number]

/** Undefined when the text does not match, else the text with `to` in the place of what matched. */
export type Replacer = (text: string) => string | undefined

/** Comparisons of strings, not of labels, as CoreDNS has them (specification 3.7.2). */
export function replacer(kind: MatchKind, from: string, to: string, pattern: RegExp | undefined): Replacer {
  switch (kind) {
    case 'exact': return (text) => (text === from ? to : undefined)
    case 'prefix': return (text) => (text.startsWith(from) ? to + text.slice(from.length) : undefined)
    case 'suffix': return (text) => (text.endsWith(from) ? text.slice(0, text.length - from.length) + to : undefined)
    case 'substring': return (text) => (text.includes(from) ? text.replaceAll(from, () => to) : undefined)
    case 'regex': return (text) => {
      const match = pattern!.exec(text)
      return match === null ? undefined : fillGroups(to, match)
    }
  }
}

/** `{0}`, `{1}` … by the groups of a match. */
export function fillGroups(template: string, match: RegExpExecArray): string {
  let text = template
  match.forEach((group, i) => { text = text.replaceAll(`{${i}}`, () => group ?? '') })
  return text
}

/** Lower-cased, with the final dot that CoreDNS puts even behind prefixes. */
export function normalized(text: string): string {
  const lower = text.toLowerCase()
  return lower.endsWith('.') ? lower : `${lower}.`
}

/** A pattern, and a check that its replacement names no group that it does not have. */
export function readPattern(from: Token, to: string | undefined, place: Place): RegExp {
  let pattern: RegExp
  try {
    pattern = compileGoRegexp(from.text)
  } catch (error) {
    return place.fail(`invalid regex matching pattern: ${from.text} (${(error as Error).message})`, from)
  }
  const groups = new RegExp(`${pattern.source}|`, pattern.flags).exec('')!.length - 1
  const used = new Set([...(to ?? '').matchAll(/\{(\d+)\}/g)].map((match) => match[1]))
  if (used.size > groups) place.fail(`the rewrite regex pattern (${to}) uses more subexpressions than its corresponding matching regex pattern (${from.text})`, from)
  return pattern
}

export function matchKind(token: Token): MatchKind | undefined {
  return MATCH_KINDS.find((kind) => kind === token.text.toLowerCase())
}
