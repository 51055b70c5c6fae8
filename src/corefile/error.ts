import type { Token } from './tree.ts'

/** A mistake in a Corefile: `Corefile:7:11: cache: success: capacity must be at least 1, got 0`. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly file: string | undefined
  readonly line: number | undefined
  readonly column: number | undefined
  readonly directive: string | undefined
  /** What is wrong and what to do, without the place. */
  readonly why: string

  /** `token` is where the mistake stands, if it stands anywhere. */
  constructor(token: Token | undefined, directive: string | undefined, why: string) {
    const place = token === undefined ? '' : `${token.file}:${token.line}:${token.column}: `
    super(`${place}${directive === undefined ? '' : `${directive}: `}${why}`)
    this.file = token?.file
    this.line = token?.line
    this.column = token?.column
    this.directive = directive
    this.why = why
  }
}
