import { setFlagsFromString } from 'node:v8'

// RE2 matches in linear time and JavaScript by backtracking. V8 has an engine of the first kind, which takes over here when a match has
// gone back too often; the second flag lets us ask whether it can run a pattern.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
setFlagsFromString('--enable-experimental-regexp-engine')

/** Patterns longer than this are refused, as CoreDNS refuses them. */
export const PATTERN_LIMIT = 10_000
/** What RE2 takes for `{n,m}` at most. */
const REPEAT_LIMIT = 1000

const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z', alpha: 'A-Za-z', ascii: '\\x00-\\x7f', blank: '\\t ', cntrl: '\\x00-\\x1f\\x7f', digit: '0-9', graph: '!-~',
  lower: 'a-z', print: ' -~', punct: '!-\\/:-@\\[-`{-~', space: '\\t\\n\\v\\f\\r ', upper: 'A-Z', word: '0-9A-Za-z_', xdigit: '0-9A-Fa-f',
}

/**
 * A pattern in Go's RE2 syntax as a RegExp. What RE2 does not have (look-around, back-references) is refused, and what JavaScript
 * writes otherwise is translated: `(?P<n>…)`, `(?i)` at the beginning, `\A`, `\z`, `[[:alpha:]]`. Throws Error with the reason.
 *
 * A pattern that cannot be matched in linear time, because of large counts such as `{1,50}`, is refused where it also repeats a
 * group that repeats within itself: that is where backtracking explodes.
 */
export function compileGoRegexp(pattern: string): RegExp {
  if (pattern.length > PATTERN_LIMIT) throw new Error(`regex pattern too long: ${pattern.length} > ${PATTERN_LIMIT}`)
  const { flags, rest } = leadingFlags(pattern)
  if ([...rest.matchAll(/\\.|\{(\d+)(?:,(\d*))?\}/gs)].some(([, least, most]) => Number(least) > REPEAT_LIMIT || Number(most) > REPEAT_LIMIT)) {
    throw new Error(`invalid repeat count: more than ${REPEAT_LIMIT}`)
  }
  const source = translate(rest)
  const compiled = new RegExp(source, flags)
  if (!isLinear(source, flags)) refuseNestedRepeats(source)
  return compiled
}

function isLinear(source: string, flags: string): boolean {
  try {
    return new RegExp(source, `${flags}l`).flags.includes('l')
  } catch {
    // The pattern itself is good; this engine cannot run it.
    return false
  }
}

function leadingFlags(pattern: string): { flags: string; rest: string } {
  const match = /^\(\?([imsU]+)\)/.exec(pattern)
  if (match === null) return { flags: '', rest: pattern }
  if (match[1]!.includes('U')) throw new Error('the flag U (ungreedy) is not supported; write *? instead of *')
  return { flags: [...new Set(match[1]!)].join(''), rest: pattern.slice(match[0].length) }
}

/** Walks the pattern once, escapes and classes apart. */
function translate(pattern: string): string {
  let out = ''
  let inClass = false
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!
    if (char === '\\') {
      out += escape(pattern[++i], inClass)
    } else if (inClass) {
      const posix = /^\[:(\^?)(\w+):\]/.exec(pattern.slice(i))
      if (posix !== null) {
        out += posixClass(posix[2]!, posix[1] === '^')
        i += posix[0].length - 1
      } else {
        out += char === '[' ? '\\[' : char
        inClass = char !== ']'
      }
    } else if (char === '[') {
      inClass = true
      out += char
      if (pattern[i + 1] === '^') out += pattern[++i]
      if (pattern[i + 1] === ']') {
        out += '\\]'
        i++
      }
    } else if (char === '(' && pattern[i + 1] === '?') {
      const group = groupStart(pattern.slice(i))
      out += group.text
      i += group.length - 1
    } else {
      out += char
    }
  }
  return out
}

function escape(next: string | undefined, inClass: boolean): string {
  if (next === undefined) throw new Error('trailing backslash at end of expression')
  if (/[1-9]/.test(next) && !inClass) throw new Error(`invalid escape sequence: \\${next} (there are no back-references in RE2 syntax)`)
  if (next === 'A') return '^'
  if (next === 'z') return '$'
  if (next === 'Z' || next === 'C' || next === 'Q' || next === 'k') throw new Error(`invalid escape sequence: \\${next}`)
  return `\\${next}`
}

function groupStart(text: string): { text: string; length: number } {
  if (/^\(\?(=|!|<=|<!)/.test(text)) throw new Error(`invalid or unsupported Perl syntax: ${text.slice(0, 3)} (there is no look-around in RE2 syntax)`)
  const named = /^\(\?P?<(\w+)>/.exec(text)
  if (named !== null) return { text: `(?<${named[1]}>`, length: named[0].length }
  const flagged = /^\(\?([ims]*)(?:-([ims]+))?:/.exec(text)
  if (flagged !== null) return { text: flagged[0], length: flagged[0].length }
  throw new Error(`invalid or unsupported Perl syntax: ${text.slice(0, 3)}`)
}

function posixClass(name: string, negated: boolean): string {
  const range = POSIX[name]
  if (range === undefined) throw new Error(`invalid character class range: [:${name}:]`)
  if (negated) throw new Error(`[:^${name}:] is not supported; negate the whole class instead`)
  return range
}

/** `(a+)+`, `(a*b?)*` and the like; a repeated group that repeats only at its inside's fixed words passes. */
function refuseNestedRepeats(source: string): void {
  const plain = source.replace(/\\./g, 'x').replace(/\[[^\]]*\]/g, 'x')
  const repeats: boolean[] = [false]
  for (let i = 0; i < plain.length; i++) {
    const char = plain[i]!
    if (char === '(') repeats.push(false)
    else if (char === ')') {
      const inside = repeats.pop() ?? false
      const after = plain.slice(i + 1)
      const repeated = /^([*+]|\{\d+,\d*\})/.test(after)
      if (inside && repeated && /^\(([^()]*[*+])\)$/.test(groupEndingAt(plain, i))) {
        throw new Error('a repeated group that ends in a repeat, such as (a+)+, can take for ever to match; write it without the inner repeat')
      }
      if (repeats.length > 0 && (inside || repeated)) repeats[repeats.length - 1] = true
    } else if (char === '*' || char === '+') repeats[repeats.length - 1] = true
  }
}

function groupEndingAt(plain: string, end: number): string {
  let depth = 0
  for (let i = end; i >= 0; i--) {
    if (plain[i] === ')') depth++
    if (plain[i] === '(' && --depth === 0) return plain.slice(i, end + 1)
  }
  return ''
}
