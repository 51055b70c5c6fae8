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
  /** Takes mistakes that can be passed over instead of their ending it all: imports that fail, unknown directives before a mistake of syntax. */
  readonly recover?: (error: ConfigError) => void
}

/**
 * Text to tree. Throws ConfigError at the first mistake of syntax; words that mean nothing are met when `blocks` is asked, so that a
 * reload can tell a file that is half written from one that is wrong. An empty file is the built-in configuration.
 */
export function parseCorefile(text: string, options: ParseOptions): Corefile {
  const importer = new Importer(options.files)
  const { blocks: raw, unknown } = new Parser(tokenize(text, options.file), importer, options).run()
  if (raw.length === 0) {
    if (unknown !== undefined) throw unknown
    return builtinCorefile(options.defaultPort)
  }
  let finished: Inspected | undefined
  const inspect = () => (finished ??= finishBlocks(raw, options))
  return { text, inspect, blocks: () => faultless(inspect()), warnings: importer.warnings, hash: configurationHash(raw, options.file) }
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
  // An unknown directive is met while the words are read, before any of them is looked into.
  const first = errors.find(({ code }) => code === 'unknown-directive') ?? errors[0]
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
    if (!options.directives.includes(name)) throw unknownAt(token, name, options.directives)
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

/**
 * Tokens to blocks of keys and directives; imports are expanded where they stand. The first unknown directive is remembered rather than
 * thrown, and stands before any mistake of syntax behind it.
 */
class Parser {
  readonly #tokens: Token[]
  readonly #importer: Importer
  readonly #environment: Environment
  readonly #known: readonly string[]
  readonly #recover: ParseOptions['recover']
  #at = 0
  readonly #unknown: ConfigError[] = []

  constructor(tokens: Token[], importer: Importer, options: ParseOptions) {
    this.#tokens = tokens
    this.#importer = importer
    this.#environment = options.env
    this.#known = options.directives
    this.#recover = options.recover
  }

  /** Throws the first mistake of syntax. */
  run(): { blocks: RawBlock[]; unknown: ConfigError | undefined } {
    const blocks: RawBlock[] = []
    try {
      while (this.#at < this.#tokens.length) {
        const block = this.#block(blocks.length > 0)
        if (block !== undefined) blocks.push(block)
      }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      if (this.#recover === undefined) throw this.#unknown[0] ?? error
      this.#unknown.forEach(this.#recover)
      throw error
    }
    return { blocks, unknown: this.#unknown[0] }
  }

  /** Undefined for a snippet, and for what is no block. */
  #block(more: boolean): RawBlock | undefined {
    const first = this.#tokens[this.#at]!
    // CoreDNS takes a stray brace at the very end for a zone of that name; the block before it is what was meant.
    if (more && isBrace(first, '}') && this.#at === this.#tokens.length - 1) {
      this.#warn(first, 'a "}" too many')
      this.#at++
      return undefined
    }
    const keys = this.#keys()
    const open = this.#tokens[this.#at]
    const name = keys[0]
    if (name !== undefined && keys.length === 1 && open !== undefined && /^\(.*\)$/.test(name.text)) {
      if (!isBrace(open, '{')) throw new ConfigError(open, undefined, `Unexpected token '${open.text}', expecting '{' for the snippet ${name.text}`)
      this.#at++
      this.#importer.define(name, this.#snippetBody(name))
      return undefined
    }
    if (open !== undefined && isBrace(open, '{')) this.#at++
    const directives = this.#directives(open !== undefined && isBrace(open, '{') ? open : undefined)
    if (name !== undefined) return { keys, directives }
    if (open !== undefined) this.#warn(open, 'a block without a zone such as ".:53" before its "{" serves nothing')
    return undefined
  }

  /** Separated by blanks; a comma behind a key continues the list, also on the next line. */
  #keys(): Token[] {
    const keys: Token[] = []
    let continues = false
    for (let begun = false; ; begun = true) {
      const lineStart = this.#at < this.#tokens.length && isNewLine(this.#tokens[this.#at - 1], this.#tokens[this.#at]!)
      if (begun && !continues && lineStart) return keys
      if (lineStart) this.#expandImports()
      const token = this.#tokens[this.#at]
      if (token === undefined) {
        if (continues) throw this.#endOfFile('another address')
        return keys
      }
      const text = withEnvironment(token, this.#environment).text
      if (text === '{') {
        if (continues) throw new ConfigError(token, undefined, "Expected another address but had '{' - check for extra comma")
        return keys
      }
      this.#at++
      if (text === '') continue
      continues = text.endsWith(',')
      keys.push({ ...token, text: continues ? text.slice(0, -1) : text })
    }
  }

  /** Until the block's closing brace, or the end of the file when it has none. */
  #directives(open: Token | undefined): Map<string, Token[][]> {
    const directives = new Map<string, Token[][]>()
    for (;;) {
      this.#expandImports()
      const token = this.#tokens[this.#at]
      if (token === undefined) {
        const last = this.#tokens.at(-1)!
        if (open === undefined) return directives
        // The brace that closed a directive's block closes the server block as well when it is the last word, as in CoreDNS.
        if (!isBrace(last, '}')) throw new ConfigError(last, undefined, `Unexpected token '${last.text}', expecting '}': the server block opened at line ${open.line} is not closed`)
        this.#warn(last, `the server block opened at line ${open.line} is not closed`)
        return directives
      }
      if (isBrace(token, '}')) {
        this.#at++
        return directives
      }
      const { name, use } = this.#directive()
      directives.set(name, [...(directives.get(name) ?? []), use])
    }
  }

  /** A directive's word and all that belongs to it: the rest of its line, and what its braces hold. */
  #directive(): { name: string; use: Token[] } {
    const written = this.#tokens[this.#at++]!
    const word: Token = { ...withEnvironment(written, this.#environment), written: written.text }
    const name = word.text
    if (!this.#known.includes(name)) this.#unknown.push(unknownAt(word, name, this.#known))
    const use = [word]
    const open: Token[] = []
    for (; ;) {
      const token = this.#tokens[this.#at]
      if (token === undefined) {
        if (open.length > 0) throw this.#endOfFile(`'}' for the block opened at line ${open.at(-1)!.line}`)
        return { name, use }
      }
      const fresh = isNewLine(this.#tokens[this.#at - 1], token)
      // A brace that closes nothing here closes the server block, so that one-line Corefiles of articles start.
      if (open.length === 0 && (isBrace(token, '}') || (fresh && !isBrace(token, '{')))) return { name, use }
      if (fresh && this.#expandImports()) continue
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
      if (token === undefined) throw new ConfigError(this.#tokens.at(-1), undefined, `Unexpected EOF: snippet ${name.text} of line ${name.line} is not closed`)
      if (isBrace(token, '{')) depth++
      if (isBrace(token, '}')) depth--
      if (depth === 0) return body
      body.push(token)
    }
  }

  /** Replaces `import X` at the cursor by what it stands for, and that again. True when there was one. */
  #expandImports(): boolean {
    let expanded = false
    for (let word = this.#tokens[this.#at]; word !== undefined && word.text === 'import'; word = this.#tokens[this.#at]) {
      expanded = true
      const rest: Token[] = []
      for (let i = this.#at + 1; i < this.#tokens.length && !isNewLine(this.#tokens[i - 1], this.#tokens[i]!) && !isBrace(this.#tokens[i]!, '}'); i++) rest.push(this.#tokens[i]!)
      const argument = rest[0] === undefined ? undefined : withEnvironment(rest[0], this.#environment)
      const imported = this.#import(word, argument, rest[1])
      const [first, ...others] = imported
      const behind = this.#tokens[this.#at + 1 + rest.length]
      if (behind !== undefined) this.#tokens[this.#at + 1 + rest.length] = { ...behind, fresh: true }
      this.#tokens.splice(this.#at, 1 + rest.length, ...(first === undefined ? [] : [{ ...first, fresh: true as const }, ...others]))
    }
    return expanded
  }

  #import(word: Token, argument: Token | undefined, extra: Token | undefined): readonly Token[] {
    if (this.#recover === undefined) return this.#importer.expand(word, argument, extra)
    const errors: ConfigError[] = []
    const [imported] = attempt(errors, () => this.#importer.expand(word, argument, extra))
    errors.forEach(this.#recover)
    return imported ?? []
  }

  #warn(token: Token, text: string): void {
    this.#importer.warnings.push(`${token.file}:${token.line}:${token.column}: ${text}`)
  }

  #endOfFile(expected: string): ConfigError {
    return new ConfigError(this.#tokens.at(-1), undefined, `Unexpected EOF: expecting ${expected}`)
  }
}

function unknownAt(token: Token, name: string, known: readonly string[]): ConfigError {
  return new ConfigError(token, DIRECTIVE_ORDER.includes(name) ? name : undefined, unknownDirective(name, known), 'unknown-directive')
}

function isBrace(token: Token, brace: '{' | '}'): boolean {
  return token.text === brace
}
