import { ConfigError } from './error.ts'
import { tokenize } from './lexer.ts'
import type { Token } from './tree.ts'

/** Access to files, given by the caller. `read` throws the system's error. */
export interface CorefileFiles {
  read(path: string): string
  /** Paths that match, sorted. */
  glob(pattern: string): string[]
  isDirectory(path: string): boolean
  /** `path` as seen from the file `base`; absolute. */
  resolve(base: string, path: string): string
}

const SNIPPET_LIMIT = 10_000
const FILE_LIMIT = 10_000
/** All tokens after expansion: a snippet that doubles itself would otherwise fill memory. */
const TOKEN_LIMIT = 1_000_000

/** Expands `import`: snippets by name, else files by path or glob (specification 1.4). */
export class Importer {
  readonly warnings: string[] = []
  readonly #snippets = new Map<string, readonly Token[]>()
  readonly #files: CorefileFiles
  #snippetsUsed = 0
  #filesUsed = 0
  #tokens = 0

  constructor(files: CorefileFiles) {
    this.#files = files
  }

  define(name: Token, body: readonly Token[]): void {
    if (this.#snippets.has(name.text)) throw new ConfigError(name, undefined, `redeclaration of previously declared snippet ${name.text}`)
    for (const [i, token] of body.entries()) {
      if (token.text === 'import' && body[i + 1]?.text === name.text.slice(1, -1)) {
        throw new ConfigError(token, 'import', `maximum snippet import depth (${SNIPPET_LIMIT}) exceeded: snippet ${name.text} imports itself`)
      }
    }
    this.#snippets.set(name.text, body)
  }

  /** The tokens that stand for `import ARGUMENT`. */
  expand(word: Token, argument: Token | undefined, extra: Token | undefined): readonly Token[] {
    if (argument === undefined) throw new ConfigError(word, 'import', `Wrong argument count or unexpected line ending after 'import'; name a snippet, a file or a glob pattern`)
    if (extra !== undefined) throw new ConfigError(extra, 'import', 'Import takes only one argument (glob pattern or file)')
    if (argument.text === '') throw new ConfigError(argument, 'import', 'Import requires a non-empty filepath')
    const snippet = this.#snippets.get(`(${argument.text})`)
    const tokens = snippet === undefined ? this.#fromFiles(argument) : this.#fromSnippet(argument, snippet)
    this.#tokens += tokens.length
    if (this.#tokens > TOKEN_LIMIT) throw new ConfigError(argument, 'import', `imports make more than ${TOKEN_LIMIT} words`)
    return tokens
  }

  #fromSnippet(argument: Token, snippet: readonly Token[]): readonly Token[] {
    if (++this.#snippetsUsed > SNIPPET_LIMIT) throw new ConfigError(argument, 'import', `maximum snippet import depth (${SNIPPET_LIMIT}) exceeded`)
    return snippet
  }

  #fromFiles(argument: Token): readonly Token[] {
    const path = this.#files.resolve(argument.file, argument.text)
    if (!/[*?[]/.test(argument.text)) return this.#fromFile(argument, path)
    if ((argument.text.match(/\*/g)?.length ?? 0) > 1 || (argument.text.match(/\?/g)?.length ?? 0) > 1 || argument.text.includes('[')) {
      throw new ConfigError(argument, 'import', `Glob pattern may only contain one wildcard (*), but has others: ${path}`)
    }
    const paths = this.#files.glob(path)
    if (paths.length === 0) this.warnings.push(`No files matching import glob pattern: ${argument.text}`)
    return paths.flatMap((found) => this.#fromFile(argument, found))
  }

  #fromFile(argument: Token, path: string): Token[] {
    if (++this.#filesUsed > FILE_LIMIT) throw new ConfigError(argument, 'import', `maximum file import depth (${FILE_LIMIT}) exceeded`)
    if (this.#files.isDirectory(path)) throw new ConfigError(argument, 'import', `Could not import ${path}: is a directory`)
    let text: string
    try {
      text = this.#files.read(path)
    } catch (error) {
      const code = (error as { code?: string }).code
      if (code === 'ENOENT') throw new ConfigError(argument, 'import', `File to import not found: ${argument.text}`)
      throw new ConfigError(argument, 'import', `Could not import ${path}: ${String(error)}`)
    }
    return tokenize(text, path)
  }
}
