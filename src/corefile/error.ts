import type { Token } from './tree.ts'

/** What kind of mistake, for programs that read `check`'s findings. */
export type ErrorCode = 'syntax' | 'unknown-directive' | 'unknown-property' | 'argument-count' | 'bad-value'

/** A mistake in a Corefile: `Corefile:7:11: cache: success: capacity must be at least 1, got 0`. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly file: string | undefined
  readonly line: number | undefined
  readonly column: number | undefined
  readonly directive: string | undefined
  /** What is wrong, then after "; " what to do, without the place. */
  readonly why: string
  readonly code: ErrorCode

  /** `token` is where the mistake stands, if it stands anywhere. */
  constructor(token: Token | undefined, directive: string | undefined, why: string, code: ErrorCode = directive === undefined ? 'syntax' : 'bad-value') {
    const place = token === undefined ? '' : `${token.file}:${token.line}:${token.column}: `
    super(`${place}${directive === undefined ? '' : `${directive}: `}${why}`)
    this.file = token?.file
    this.line = token?.line
    this.column = token?.column
    this.directive = directive
    this.why = why
    this.code = code
  }
}
