import { ConfigError } from './error.ts'
import type { Token } from './tree.ts'

/** Enough for any honest value, little enough that values which name each other end. */
const ROUNDS = 1000
/** No word that means something is longer; values that double themselves are. */
const LIMIT_CHARACTERS = 64 * 1024

export type Environment = (name: string) => string | undefined

/** Replaces `{%NAME%}` and then `{$NAME}` in a token (specification 1.2, 17.6). Throws ConfigError when that has no end. */
export function withEnvironment(token: Token, environment: Environment): Token {
  if (!token.text.includes('{')) return token
  const text = replaceAll(replaceAll(token.text, '{%', '%}', environment), '{$', '}', environment)
  if (text.length > LIMIT_CHARACTERS) throw new ConfigError(token, undefined, `${token.text.slice(0, 40)}: environment variables make more than ${LIMIT_CHARACTERS} characters of it; does one name itself?`)
  return text === token.text ? token : { ...token, text }
}

/** From the left until none is left; an empty name ends it, so that `{$}` shields what follows. Equal references go together. */
function replaceAll(text: string, open: string, close: string, environment: Environment): string {
  let result = text
  for (let round = 0; round < ROUNDS && result.length <= LIMIT_CHARACTERS; round++) {
    const start = result.indexOf(open)
    if (start < 0) return result
    const end = result.indexOf(close, start + open.length)
    if (end <= start + open.length) return result
    const name = result.slice(start + open.length, end)
    result = result.replaceAll(`${open}${name}${close}`, () => environment(name) ?? '')
  }
  return result
}
