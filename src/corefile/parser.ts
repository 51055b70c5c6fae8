import { DIRECTIVE_ORDER, unknownDirective } from './directives.ts'
import { withEnvironment, type Environment } from './environment.ts'
import { ConfigError } from './error.ts'
import { configurationHash, type RawBlock } from './hash.ts'
import { Importer, type CorefileFiles } from './importer.ts'
import { parseKey } from './keys.ts'
import { isNewLine, tokenize } from './lexer.ts'
import { linesOf } from './lines.ts'
import type { Corefile, Directive, Inspected, ServerBlock, Token } from './tree.ts'

export interface ParseOptions {
  /** The file's name in errors. */
  readonly file: string
  /** Port of `dns` keys that name none. */
  readonly defaultPort: number
  readonly env: Environment
  readonly files: CorefileFiles
  /** Names of the directives that the program has. */
  readonly directives: readonly string[]
}

/**
 * Text to tree. Throws ConfigError at the first mistake of syntax; words that mean nothing are met when `blocks` is asked, so that a
 * reload can tell a file that is half written from one that is wrong. An empty file is the built-in configuration.
 */
export function parseCorefile(text: string, options: ParseOptions): Corefile {
  const importer = new Importer(options.files)
  const raw = new Parser(tokenize(text, options.file), importer, options.env).run()
  if (raw.length === 0) return builtinCorefile(options.defaultPort)
  let finished: Inspected | undefined
  const inspect = () => (finished ??= finishBlocks(raw, options))
  return { inspect, blocks: () => faultless(inspect()), warnings: importer.warnings, hash: configurationHash(raw, options.file) }
}

/** What runs without a Corefile: `.:PORT { whoami; log }`. */
export function builtinCorefile(defaultPort: number): Corefile {
  return parseCorefile(`.:${defaultPort} {\nwhoami\nlog\n}\n`, {
    file: 'built-in Corefile',
    defaultPort,
    env: () => undefined,
    files: { read: () => '', glob: () => [], isDirectory: () => false, resolve: (_base, path) => path },
    directives: ['whoami', 'log'],
  })
}

function faultless({ blocks, errors }: Inspected): readonly ServerBlock[] {
  const [first] = errors
  if (first !== undefined) throw first
  return blocks
}

function finishBlocks(raw: readonly RawBlock[], options: ParseOptions): Inspected {
  const errors: ConfigError[] = []
  return { blocks: raw.map((block) => finishBlock(block, options, errors)), errors }
}

/** Sorts directives into order of execution and keys into zones; what makes no sense goes into `errors` instead. */
function finishBlock(raw: RawBlock, options: ParseOptions, errors: ConfigError[]): ServerBlock {
  const directives = [...raw.directives].flatMap(([name, uses]) => attempt(errors, (): Directive => {
    const token = uses[0]![0]!
    if (!options.directives.includes(name)) throw new ConfigError(token, DIRECTIVE_ORDER.includes(name) ? name : undefined, unknownDirective(name, options.directives), 'unknown-directive')
    return { name, token, lines: uses.map((tokens) => linesOf(tokens, name)) }
  }))
  const rank = (directive: Directive) => {
    const at = DIRECTIVE_ORDER.indexOf(directive.name)
    return at < 0 ? DIRECTIVE_ORDER.length : at
  }
  return {
    keys: raw.keys.flatMap((key) => attempt(errors, () => parseKey(key, options.defaultPort)).flat()),
    directives: directives.sort((a, b) => rank(a) - rank(b)),
  }
}

function attempt<T>(errors: ConfigError[], make: () => T): T[] {
  try {
    return [make()]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    errors.push(error)
    return []
  }
}

/** Tokens to blocks of keys and directives; imports are expanded where they stand. */
class Parser {
  readonly #tokens: Token[]
  readonly #importer: Importer
  readonly #environment: Environment
  #at = 0
  #braceless = false

  constructor(tokens: Token[], importer: Importer, environment: Environment) {
    this.#tokens = tokens
    this.#importer = importer
    this.#environment = environment
  }

  run(): RawBlock[] {
    const blocks: RawBlock[] = []
    for (this.#expandImports(); this.#at < this.#tokens.length; this.#expandImports()) {
      const last = this.#tokens[this.#at]!
      // CoreDNS takes a stray brace at the very end for a zone of that name; the block before it is what was meant.
      if (isBrace(last, '}') && this.#at === this.#tokens.length - 1 && blocks.length > 0) {
        this.#importer.warnings.push(`${last.file}:${last.line}:${last.column}: a "}" too many`)
        break
      }
      const block = this.#block()
      if (block !== undefined) blocks.push(block)
    }
    return blocks
  }

  /** Undefined for a snippet. */
  #block(): RawBlock | undefined {
    const keys = this.#keys()
    const braces = this.#at < this.#tokens.length && isBrace(this.#tokens[this.#at]!, '{')
    if (!braces) {
      if (this.#braceless) throw new ConfigError(keys[0], undefined, `Unexpected token '${keys[0]!.text}': only a single server block may do without braces`)
      this.#braceless = true
    }
    const open = this.#tokens[this.#at]
    if (braces) this.#at++
    const name = keys[0]!
    if (keys.length === 1 && /^\(.*\)$/.test(name.text) && !name.quoted) {
      this.#importer.define(name, this.#snippetBody(name))
      return undefined
    }
    const directives = this.#directives(braces ? open! : undefined)
    return { keys, directives }
  }

  /** Separated by blanks or commas; a comma at the end of a line continues the list. */
  #keys(): Token[] {
    const keys: Token[] = []
    let continues = false
    for (;;) {
      this.#expandImports()
      const token = this.#tokens[this.#at]
      if (token === undefined) {
        if (continues || keys.length === 0) throw this.#endOfFile('another address')
        return keys
      }
      if (isBrace(token, '{')) {
        if (continues) throw new ConfigError(token, undefined, "Expected another address but had '{' - check for extra comma")
        if (keys.length === 0) throw new ConfigError(token, undefined, 'a server block needs a zone before its "{", such as ".:53"')
        return keys
      }
      if (keys.length > 0 && !continues && isNewLine(this.#tokens[this.#at - 1], token)) return keys
      this.#at++
      const parts = token.text.split(',')
      continues = parts.at(-1) === '' && parts.length > 1
      for (const part of parts) if (part !== '' || parts.length === 1) keys.push(withEnvironment({ ...token, text: part }, this.#environment))
    }
  }

  /** Until the block's closing brace, or the end of the file when it has none. */
  #directives(open: Token | undefined): Map<string, Token[][]> {
    const directives = new Map<string, Token[][]>()
    for (;;) {
      this.#expandImports()
      const token = this.#tokens[this.#at]
      if (token === undefined) {
        if (open === undefined) return directives
        const last = this.#tokens.at(-1)!
        throw new ConfigError(last, undefined, `the server block opened at line ${open.line} is not closed: expecting '}' after '${last.text}'`)
      }
      if (isBrace(token, '}')) {
        if (open === undefined) throw this.#stray(token)
        this.#at++
        return directives
      }
      const use = this.#directive()
      const name = use[0]!.text
      directives.set(name, [...(directives.get(name) ?? []), use])
    }
  }

  /** A directive's word and all that belongs to it: the rest of its line, and what its braces hold. */
  #directive(): Token[] {
    const use = [withEnvironment(this.#tokens[this.#at++]!, this.#environment)]
    const open: Token[] = []
    for (; ;) {
      const token = this.#tokens[this.#at]
      const fresh = token !== undefined && isNewLine(this.#tokens[this.#at - 1], token)
      if (token === undefined) {
        if (open.length > 0) throw this.#endOfFile(`'}' for the block opened at line ${open.at(-1)!.line}`)
        return use
      }
      if (open.length === 0 && (fresh || isBrace(token, '}'))) return use
      if (fresh && token.text === 'import' && !token.quoted) {
        this.#expandImports()
        continue
      }
      if (isBrace(token, '{')) open.push(token)
      if (isBrace(token, '}')) open.pop()
      use.push(withEnvironment(token, this.#environment))
      this.#at++
    }
  }

  #snippetBody(name: Token): Token[] {
    const body: Token[] = []
    for (let depth = 1; ;) {
      const token = this.#tokens[this.#at++]
      if (token === undefined) throw new ConfigError(name, undefined, `Unexpected EOF: snippet ${name.text} is not closed`)
      if (isBrace(token, '{')) depth++
      if (isBrace(token, '}')) depth--
      if (depth === 0) return body
      body.push(token)
    }
  }

  /** Replaces `import X` lines at the cursor by what they stand for. */
  #expandImports(): void {
    for (let word = this.#tokens[this.#at]; word !== undefined && word.text === 'import' && !word.quoted; word = this.#tokens[this.#at]) {
      const rest: Token[] = []
      for (let i = this.#at + 1; i < this.#tokens.length && !isNewLine(this.#tokens[i - 1], this.#tokens[i]!) && !isBrace(this.#tokens[i]!, '}'); i++) rest.push(this.#tokens[i]!)
      const argument = rest[0] === undefined ? undefined : withEnvironment(rest[0], this.#environment)
      const imported = this.#importer.expand(word, argument, rest[1])
      const [first, ...others] = imported
      const behind = this.#tokens[this.#at + 1 + rest.length]
      if (behind !== undefined) this.#tokens[this.#at + 1 + rest.length] = { ...behind, fresh: true }
      this.#tokens.splice(this.#at, 1 + rest.length, ...(first === undefined ? [] : [{ ...first, fresh: true as const }, ...others]))
    }
  }

  #endOfFile(expected: string): ConfigError {
    return new ConfigError(this.#tokens.at(-1), undefined, `Unexpected EOF: expecting ${expected}`)
  }

  #stray(token: Token): ConfigError {
    return new ConfigError(token, undefined, "Unexpected '}' because no matching opening brace")
  }
}

function isBrace(token: Token, brace: '{' | '}'): boolean {
  return token.text === brace && !token.quoted
}
