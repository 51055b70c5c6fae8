import { ConfigError } from './error.ts'
import { isNewLine } from './lexer.ts'
import type { Line, Token } from './tree.ts'

/** One use of a directive as a line with its block. Braces are known to match. Throws ConfigError for words behind a "}". */
export function linesOf(tokens: readonly Token[], directive: string): Line {
  const { lines } = readLines(tokens, 0, directive)
  const [line, extra] = lines
  if (extra !== undefined) throw new ConfigError(extra.token, directive, `"${extra.token.text}" stands behind the block; put it on a line of its own`)
  return line!
}

function readLines(tokens: readonly Token[], from: number, directive: string): { lines: Line[]; next: number } {
  const lines: Line[] = []
  let at = from
  while (at < tokens.length && !isBrace(tokens[at]!, '}')) {
    const { line, next } = readLine(tokens, at, directive)
    lines.push(line)
    at = next
  }
  return { lines, next: at + 1 }
}

/** A word, its arguments up to the end of the line or a brace, and the block that a "{" opens. */
function readLine(tokens: readonly Token[], from: number, directive: string): { line: Line; next: number } {
  const token = tokens[from]!
  if (isBrace(token, '{')) throw new ConfigError(token, directive, 'a "{" belongs at the end of the line that it opens')
  const args: Token[] = []
  let at = from + 1
  for (; at < tokens.length && !isNewLine(tokens[at - 1], tokens[at]!); at++) {
    if (isBrace(tokens[at]!, '}')) return { line: { token, args }, next: at }
    if (isBrace(tokens[at]!, '{')) {
      const { lines, next } = readLines(tokens, at + 1, directive)
      return { line: { token, args, block: lines, close: tokens[next - 1]! }, next }
    }
    args.push(tokens[at]!)
  }
  return { line: { token, args }, next: at }
}

function isBrace(token: Token, brace: '{' | '}'): boolean {
  return token.text === brace
}
