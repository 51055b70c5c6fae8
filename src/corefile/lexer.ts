import type { Token } from './tree.ts'

const SPACE = /\s/u

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
    // CoreDNS deletes carriage returns wherever they stand, and skips a byte order mark.
    this.#text = text.replace(/^\uFEFF/, '').replaceAll('\r', '')
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
    while (this.#at < this.#text.length && !SPACE.test(this.#text[this.#at]!)) {
      if (this.#text[this.#at] === '#') {
        // A comment glued to a word ends with the white space that ends the word.
        while (this.#at < this.#text.length && !SPACE.test(this.#text[this.#at]!)) this.#step()
        break
      }
      word += this.#step()
    }
    this.#tokens.push({ text: word, file: this.#file, line, column, quoted: false, breaks: 0 })
  }

  #readQuoted(): void {
    const { line, column } = this.#place()
    this.#step()
    let word = ''
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"') {
      if (this.#text[this.#at] === '\\' && this.#text[this.#at + 1] === '"') this.#step()
      word += this.#step()
    }
    this.#step()
    this.#tokens.push({ text: word, file: this.#file, line, column, quoted: true, breaks: this.#line - line })
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
