/**
 * Expressions over a query, in the syntax of expr-lang that CoreDNS's `template` and `view` use: literals, calls, fields and indexes,
 * arithmetic, comparison, `and or not`, `in`, `contains startsWith endsWith matches`, `?:`, `??`, lists and a few built-in functions.
 */
export type ExpressionValue = string | number | boolean | undefined | readonly ExpressionValue[] | ExpressionFunction
export type ExpressionFunction = (...args: readonly ExpressionValue[]) => ExpressionValue
export type Scope = Readonly<Record<string, ExpressionValue>>

/** Text that is no expression, or one that fails on its values. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError'
}

export interface Expression {
  /** Functions and variables that the scope must have: those used that are not built in. */
  readonly names: ReadonlySet<string>
  /** Throws ExpressionError. */
  evaluate(scope: Scope): ExpressionValue
}

type Node = (scope: Scope) => ExpressionValue

/** Parentheses and operators within each other. */
const DEPTH_LIMIT = 100

/** Throws ExpressionError with what was not understood. */
export function parseExpression(text: string): Expression {
  const parser = new Parser(tokenize(text))
  const node = parser.expression(0)
  parser.expectEnd()
  return { names: parser.names, evaluate: node }
}

const TOKEN = /\s*(?:(\d+(?:\.\d+)?|0x[0-9a-fA-F]+)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`([^`]*)`|([A-Za-z_]\w*)|(&&|\|\||==|!=|<=|>=|\?\?|\.\.|\*\*|[-+*/%<>!?:()[\],.|]))/y

interface Token {
  readonly kind: 'number' | 'text' | 'word' | 'symbol'
  readonly text: string
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (text.slice(at).trim() !== '') {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    if (match === null) throw new ExpressionError(`unexpected "${text.slice(at).trim().slice(0, 20)}"`)
    at = TOKEN.lastIndex
    const [, number, double, single, raw, word, symbol] = match
    const quoted = double ?? single
    if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.replace(/\\(.)/gs, (_all, char: string) => ({ n: '\n', t: '\t', r: '\r' })[char] ?? char) })
    else if (raw !== undefined) tokens.push({ kind: 'text', text: raw })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else tokens.push({ kind: 'symbol', text: symbol! })
  }
  return tokens
}

/** Binding strength of binary operators; higher binds tighter. */
const STRENGTH: Readonly<Record<string, number>> = {
  '|': 1, '?': 2, '??': 3, or: 4, '||': 4, and: 5, '&&': 5, '==': 7, '!=': 7, '<': 7, '>': 7, '<=': 7, '>=': 7, in: 7, not: 7, matches: 7, contains: 7,
  startsWith: 7, endsWith: 7, '..': 8, '+': 9, '-': 9, '*': 10, '/': 10, '%': 10, '**': 11,
}

class Parser {
  readonly names = new Set<string>()
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  expectEnd(): void {
    const token = this.#tokens[this.#at]
    if (token !== undefined) throw new ExpressionError(`unexpected "${token.text}"`)
  }

  expression(least: number): Node {
    if (++this.#depth > DEPTH_LIMIT) throw new ExpressionError('nested too deep')
    let left = this.#unary()
    for (;;) {
      const operator = this.#peekOperator()
      const strength = operator === undefined ? 0 : STRENGTH[operator]!
      if (operator === undefined || strength <= least) break
      this.#at++
      left = operator === '?' ? this.#choice(left) : operator === '|' ? this.#piped(left) : this.#binary(operator, strength, left)
    }
    this.#depth--
    return left
  }

  #binary(operator: string, strength: number, left: Node): Node {
    if (operator === 'not') {
      const inner = this.#peekOperator()
      if (inner === undefined || !['in', 'matches', 'contains', 'startsWith', 'endsWith'].includes(inner)) throw new ExpressionError('"not" in the middle wants in, matches, contains, startsWith or endsWith')
      this.#at++
      const positive = this.#binary(inner, strength, left)
      return (scope) => !truth(positive(scope))
    }
    const right = this.expression(strength)
    if (operator === 'and' || operator === '&&') return (scope) => truth(left(scope)) && truth(right(scope))
    if (operator === 'or' || operator === '||') return (scope) => truth(left(scope)) || truth(right(scope))
    if (operator === '??') return (scope) => left(scope) ?? right(scope)
    return (scope) => OPERATORS[operator]!(left(scope), right(scope))
  }

  #choice(condition: Node): Node {
    const yes = this.expression(0)
    this.#expect(':')
    const no = this.expression(1)
    return (scope) => (truth(condition(scope)) ? yes(scope) : no(scope))
  }

  /** `value | function(more)`: the value becomes the first argument. */
  #piped(value: Node): Node {
    const word = this.#next()
    if (word.kind !== 'word') throw new ExpressionError(`"|" wants a function, not "${word.text}"`)
    const args = this.#is('(') ? this.#arguments() : []
    return this.#call(word.text, [value, ...args])
  }

  #unary(): Node {
    const token = this.#tokens[this.#at]
    if (token?.kind === 'symbol' && (token.text === '!' || token.text === '-' || token.text === '+')) {
      this.#at++
      const value = this.#unary()
      if (token.text === '!') return (scope) => !truth(value(scope))
      return token.text === '-' ? (scope) => -number(value(scope)) : value
    }
    if (token?.kind === 'word' && token.text === 'not') {
      this.#at++
      const value = this.expression(6)
      return (scope) => !truth(value(scope))
    }
    return this.#postfix(this.#primary())
  }

  #primary(): Node {
    const token = this.#next()
    if (token.kind === 'number') return () => Number(token.text)
    if (token.kind === 'text') return () => token.text
    if (token.kind === 'symbol') {
      if (token.text === '(') {
        const inner = this.expression(0)
        this.#expect(')')
        return inner
      }
      if (token.text === '[') return this.#list()
      throw new ExpressionError(`unexpected "${token.text}"`)
    }
    if (token.text === 'true' || token.text === 'false') return () => token.text === 'true'
    if (token.text === 'nil') return () => undefined
    if (this.#is('(')) return this.#call(token.text, this.#arguments())
    this.names.add(token.text)
    return (scope) => {
      if (!Object.hasOwn(scope, token.text)) throw new ExpressionError(`unknown name ${token.text}`)
      return scope[token.text]
    }
  }

  #call(name: string, args: readonly Node[]): Node {
    if (!Object.hasOwn(BUILT_IN, name)) this.names.add(name)
    return call(name, args)
  }

  #postfix(start: Node): Node {
    let node = start
    while (this.#is('[')) {
      this.#at++
      const inner = node
      const from = this.#is(':') ? undefined : this.expression(0)
      if (this.#is(':')) {
        this.#at++
        const to = this.#is(']') ? undefined : this.expression(0)
        node = (scope) => slice(inner(scope), from?.(scope), to?.(scope))
      } else node = (scope) => element(inner(scope), from!(scope))
      this.#expect(']')
    }
    return node
  }

  #list(): Node {
    const items: Node[] = []
    while (!this.#is(']')) {
      items.push(this.expression(0))
      if (!this.#is(']')) this.#expect(',')
    }
    this.#expect(']')
    return (scope) => items.map((item) => item(scope))
  }

  #arguments(): Node[] {
    this.#expect('(')
    const args: Node[] = []
    while (!this.#is(')')) {
      args.push(this.expression(0))
      if (!this.#is(')')) this.#expect(',')
    }
    this.#expect(')')
    return args
  }

  #peekOperator(): string | undefined {
    const token = this.#tokens[this.#at]
    return token !== undefined && token.kind !== 'text' && token.kind !== 'number' && Object.hasOwn(STRENGTH, token.text) ? token.text : undefined
  }

  #is(symbol: string): boolean {
    const token = this.#tokens[this.#at]
    return token?.kind === 'symbol' && token.text === symbol
  }

  #expect(symbol: string): void {
    if (!this.#is(symbol)) throw new ExpressionError(`"${symbol}" is missing${this.#tokens[this.#at] === undefined ? '' : ` before "${this.#tokens[this.#at]!.text}"`}`)
    this.#at++
  }

  #next(): Token {
    const token = this.#tokens[this.#at++]
    if (token === undefined) throw new ExpressionError('a value is missing at the end')
    return token
  }
}

function call(name: string, args: readonly Node[]): Node {
  return (scope) => {
    const known = Object.hasOwn(scope, name) ? scope[name] : Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined
    if (typeof known !== 'function') throw new ExpressionError(`unknown function ${name}`)
    return known(...args.map((arg) => arg(scope)))
  }
}

const OPERATORS: Readonly<Record<string, (a: ExpressionValue, b: ExpressionValue) => ExpressionValue>> = {
  '==': same,
  '!=': (a, b) => !same(a, b),
  '<': (a, b) => order(a, b) < 0,
  '>': (a, b) => order(a, b) > 0,
  '<=': (a, b) => order(a, b) <= 0,
  '>=': (a, b) => order(a, b) >= 0,
  '+': (a, b) => (typeof a === 'string' && typeof b === 'string' ? a + b : number(a) + number(b)),
  '-': (a, b) => number(a) - number(b),
  '*': (a, b) => number(a) * number(b),
  '/': (a, b) => number(a) / number(b),
  '%': (a, b) => number(a) % number(b),
  '**': (a, b) => number(a) ** number(b),
  in: (a, b) => list(b).some((item) => same(item, a)),
  contains: (a, b) => text(a).includes(text(b)),
  startsWith: (a, b) => text(a).startsWith(text(b)),
  endsWith: (a, b) => text(a).endsWith(text(b)),
  matches: (a, b) => pattern(text(b)).test(text(a)),
  '..': (a, b) => range(number(a), number(b)),
}

const BUILT_IN: Readonly<Record<string, ExpressionFunction>> = {
  upper: (value) => text(value).toUpperCase(),
  lower: (value) => text(value).toLowerCase(),
  trim: (value) => text(value).trim(),
  trimPrefix: (value, prefix) => (text(value).startsWith(text(prefix)) ? text(value).slice(text(prefix).length) : text(value)),
  trimSuffix: (value, suffix) => (text(value).endsWith(text(suffix)) ? text(value).slice(0, text(value).length - text(suffix).length) : text(value)),
  split: (value, separator) => text(value).split(text(separator)),
  join: (value, separator) => list(value).map(text).join(separator === undefined ? '' : text(separator)),
  replace: (value, from, to) => text(value).replaceAll(text(from), () => text(to)),
  hasPrefix: (value, prefix) => text(value).startsWith(text(prefix)),
  hasSuffix: (value, suffix) => text(value).endsWith(text(suffix)),
  indexOf: (value, part) => text(value).indexOf(text(part)),
  len: (value) => (typeof value === 'string' ? value.length : list(value).length),
  string: (value) => String(value),
  int: (value) => whole(value),
  float: (value) => Number(value),
  abs: (value) => Math.abs(number(value)),
  max: (...values) => Math.max(...values.map(number)),
  min: (...values) => Math.min(...values.map(number)),
}

const RANGE_LIMIT = 10_000
const PATTERN_LIMIT = 1000

function range(from: number, to: number): number[] {
  if (to - from > RANGE_LIMIT) throw new ExpressionError(`a range of more than ${RANGE_LIMIT} numbers`)
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)
}

/** Patterns of expressions are part of the configuration; each is compiled once. */
const patterns = new Map<string, RegExp>()

function pattern(source: string): RegExp {
  let compiled = patterns.get(source)
  if (compiled === undefined) {
    if (patterns.size >= PATTERN_LIMIT) patterns.clear()
    try {
      compiled = new RegExp(source)
    } catch (error) {
      throw new ExpressionError(`${source}: ${(error as Error).message}`)
    }
    patterns.set(source, compiled)
  }
  return compiled
}

function same(a: ExpressionValue, b: ExpressionValue): boolean {
  return a === b || (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item: ExpressionValue, i) => same(item, b[i] as ExpressionValue)))
}

function order(a: ExpressionValue, b: ExpressionValue): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a === b ? 0 : 1
  return number(a) - number(b)
}

/** `value[from:to]`: ends that are left out, or lie outside, are those of the value; negative ones count from its end. */
function slice(value: ExpressionValue, from: ExpressionValue, to: ExpressionValue): ExpressionValue {
  if (typeof value !== 'string' && !Array.isArray(value)) throw new ExpressionError('only texts and lists have slices')
  return value.slice(from === undefined ? 0 : number(from), to === undefined ? value.length : number(to)) as ExpressionValue
}

function element(value: ExpressionValue, key: ExpressionValue): ExpressionValue {
  const items = list(value)
  const at = number(key) < 0 ? items.length + number(key) : number(key)
  if (at < 0 || at >= items.length) throw new ExpressionError(`index out of range: ${at}`)
  return items[at]
}

function truth(value: ExpressionValue): boolean {
  if (typeof value !== 'boolean') throw new ExpressionError(`${String(value)} is neither true nor false`)
  return value
}

function number(value: ExpressionValue): number {
  if (typeof value !== 'number') throw new ExpressionError(`${String(value)} is no number`)
  return value
}

function whole(value: ExpressionValue): number {
  const result = Math.trunc(Number(value))
  if (Number.isNaN(result)) throw new ExpressionError(`${String(value)} is no number`)
  return result
}

function text(value: ExpressionValue): string {
  if (typeof value !== 'string') throw new ExpressionError(`${String(value)} is no text`)
  return value
}

function list(value: ExpressionValue): readonly ExpressionValue[] {
  if (!Array.isArray(value)) throw new ExpressionError(`${String(value)} is no list`)
  return value as readonly ExpressionValue[]
}
