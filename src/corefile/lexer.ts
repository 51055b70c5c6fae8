import type { Token } from './tree.ts'

/** White space as Go's unicode.IsSpace has it: with U+0085, without the byte order mark. */
const SPACE = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/

/** Splits a Corefile into tokens (specification 1.1). Never fails: an unclosed quote runs to the end. */
export function tokenize(text: string, file: string): Token[] {
  return new Lexer(text, file).run()
}

class Lexer {
  readonly #text: string
  readonly #file: string
  readonly #tokens: Token[] = []
  #at = 0
  #line = 1
  #column = 1

  constructor(text: string, file: string) {
    this.#text = text.replace(/^\uFEFF/, '')
    this.#file = file
  }

  run(): Token[] {
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]!
      if (SPACE.test(char)) this.#step()
      else if (char === '#') this.#skipComment()
      else if (char === '"') this.#readQuoted()
      else this.#readWord()
    }
    return this.#tokens
  }

  #readWord(): void {
    const { line, column } = this.#place()
    let word = ''
    // A comment glued to a word ends with the white space that ends the word.
    let comment = false
    for (; this.#at < this.#text.length; ) {
      const char = this.#text[this.#at]!
      // Carriage returns vanish wherever they stand outside quotes, also inside a word.
      if (SPACE.test(char) && char !== '\r') break
      comment ||= char === '#'
      this.#step()
      if (!comment && char !== '\r') word += char
    }
    this.#tokens.push({ text: word, file: this.#file, line, column, breaks: 0 })
  }

  #readQuoted(): void {
    const { line, column } = this.#place()
    this.#step()
    let word = ''
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"') {
      // A backslash shields the character behind it, and stays unless that is a quote.
      if (this.#text[this.#at] === '\\') {
        const shield = this.#step()
        if (this.#at >= this.#text.length) break
        if (this.#text[this.#at] !== '"') word += shield
      }
      word += this.#step()
    }
    const closed = this.#at < this.#text.length
    this.#step()
    // An opening quote at the very end is no word.
    if (!closed && word === '') return
    this.#tokens.push({ text: word, file: this.#file, line, column, breaks: this.#line - line })
  }

  #skipComment(): void {
    while (this.#at < this.#text.length && this.#text[this.#at] !== '\n') this.#step()
  }

  #place(): { line: number; column: number } {
    return { line: this.#line, column: this.#column }
  }

  #step(): string {
    const char = this.#text[this.#at++] ?? ''
    if (char === '\n') {
      this.#line++
      this.#column = 1
    } else this.#column++
    return char
  }
}

/** True when `b` stands on another line than `a` ends, or in another file, or behind an import. */
export function isNewLine(a: Token | undefined, b: Token): boolean {
  return a === undefined || b.fresh === true || a.file !== b.file || a.line + a.breaks !== b.line
}
