/**
 * The part of Go's text/template that zone records need: actions with fields, methods, variables, pipelines, parentheses, literals;
 * if, else, with, range, end; comments and trim marks; the built-in functions and those the caller adds.
 */

/** A value inside a template. Objects are maps or structs; functions are methods, called with the arguments that follow. */
export type Value = string | number | boolean | undefined | readonly Value[] | { readonly [name: string]: Value } | Method
export type Method = (...args: readonly Value[]) => Value
export type Functions = Readonly<Record<string, Method>>

/** Text that is no template, or a template that fails on its data. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
}

export interface Template {
  /** Throws TemplateError. */
  execute(data: Value): string
}

/** Elements that `range` goes through, and nesting: templates come from configuration, but a slip must not hang a query. */
const STEPS_LIMIT = 10_000

export function parseTemplate(text: string, functions: Functions): Template {
  const all = { ...BUILT_IN, ...functions }
  const nodes = new Parser(split(text), all).list([])
  return { execute: (data) => render(nodes.nodes, { dot: data, variables: [{ name: '$', value: data }], functions: all, steps: { left: STEPS_LIMIT } }) }
}

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly pipe: Pipe }
  | { readonly kind: 'branch'; readonly word: 'if' | 'with' | 'range'; readonly pipe: Pipe; readonly body: readonly Node[]; readonly otherwise: readonly Node[] }

interface Pipe {
  /** `$x := …`, `$x = …`, or `$i, $x := …` in a range. */
  readonly variables: readonly string[]
  readonly declares: boolean
  readonly commands: readonly (readonly Operand[])[]
}

type Operand =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'function'; readonly name: string }
  /** A chain of fields behind a start: the dot, a variable, or a pipeline in parentheses. */
  | { readonly kind: 'chain'; readonly from: 'dot' | { readonly variable: string } | { readonly pipe: Pipe }; readonly fields: readonly string[] }

interface Scope {
  readonly dot: Value
  readonly variables: { readonly name: string; value: Value }[]
  readonly functions: Functions
  readonly steps: { left: number }
}

/** Texts and actions in turn; trim marks are applied and comments dropped. */
function split(text: string): { readonly action: boolean; readonly text: string }[] {
  const parts: { action: boolean; text: string }[] = []
  let rest = text
  while (rest !== '') {
    const open = rest.indexOf('{{')
    if (open < 0) break
    const close = closingBraces(rest, open + 2)
    if (close < 0) throw new TemplateError('unclosed action')
    let before = rest.slice(0, open)
    let action = rest.slice(open + 2, close)
    rest = rest.slice(close + 2)
    if (/^-\s/.test(action)) {
      before = before.trimEnd()
      action = action.slice(1)
    }
    if (/\s-$/.test(action)) {
      rest = rest.trimStart()
      action = action.slice(0, -1)
    }
    parts.push({ action: false, text: before })
    if (!/^\s*\/\*[\s\S]*\*\/\s*$/.test(action)) parts.push({ action: true, text: action })
  }
  parts.push({ action: false, text: rest })
  return parts.filter((part) => part.action || part.text !== '')
}

/** Quotes may hold braces. */
function closingBraces(text: string, from: number): number {
  const pattern = /"(?:[^"\\]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)*'|\}\}/g
  pattern.lastIndex = from
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) if (match[0] === '}}') return match.index
  return -1
}

class Parser {
  readonly #parts: readonly { readonly action: boolean; readonly text: string }[]
  readonly #functions: Functions
  #at = 0

  constructor(parts: readonly { readonly action: boolean; readonly text: string }[], functions: Functions) {
    this.#parts = parts
    this.#functions = functions
  }

  /** Nodes up to one of the words that end this list; at the outermost level up to the end of the text. */
  list(ends: readonly string[]): { nodes: Node[]; end: string } {
    const nodes: Node[] = []
    while (this.#at < this.#parts.length) {
      const part = this.#parts[this.#at++]!
      if (!part.action) {
        nodes.push({ kind: 'text', text: part.text })
        continue
      }
      const word = /^\s*(if|else|end|range|with|template|define|block|break|continue)\b/.exec(part.text)?.[1]
      if (word === undefined) nodes.push({ kind: 'output', pipe: new PipeParser(part.text, this.#functions).whole() })
      else if (ends.includes(word)) return { nodes, end: part.text.trim() }
      else if (word === 'if' || word === 'with' || word === 'range') nodes.push(this.#branch(word, part.text.trim().slice(word.length)))
      else throw new TemplateError(`unexpected {{${word}}}`)
    }
    if (ends.length > 0) throw new TemplateError('unexpected end of the text: {{end}} is missing')
    return { nodes, end: '' }
  }

  #branch(word: 'if' | 'with' | 'range', condition: string): Node {
    const pipe = new PipeParser(condition, this.#functions).whole()
    const { nodes: body, end } = this.list(['else', 'end'])
    if (end === 'end') return { kind: 'branch', word, pipe, body, otherwise: [] }
    const chained = /^else\s+(if|with)\b(.*)$/s.exec(end)
    if (chained !== null) return { kind: 'branch', word, pipe, body, otherwise: [this.#branch(chained[1] as 'if' | 'with', chained[2]!)] }
    return { kind: 'branch', word, pipe, body, otherwise: this.list(['end']).nodes }
  }
}

const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*")|`([^`]*)`|('(?:[^'\\]|\\.)+')|(0x[0-9a-fA-F]+|[+-]?\d+(?:\.\d+)?)|((?:\.[A-Za-z_]\w*)+|\.(?![A-Za-z_]))|(\$\w*)|([A-Za-z_]\w*)|(:=|[|()=,]))/y

class PipeParser {
  readonly #text: string
  readonly #functions: Functions
  #at = 0

  constructor(text: string, functions: Functions) {
    this.#text = text.trimEnd()
    this.#functions = functions
  }

  whole(): Pipe {
    const pipe = this.#pipe()
    if (this.#at < this.#text.length) throw new TemplateError(`unexpected "${this.#text.slice(this.#at).trim()}"`)
    return pipe
  }

  #pipe(): Pipe {
    const declaration = /\s*(\$\w+)(?:\s*,\s*(\$\w+))?\s*(:?=)/y
    declaration.lastIndex = this.#at
    const match = declaration.exec(this.#text)
    if (match !== null) this.#at = declaration.lastIndex
    const variables = match === null ? [] : [match[1]!, match[2]].filter((name) => name !== undefined)
    const commands = [this.#command()]
    while (this.#take('|')) commands.push(this.#command())
    return { variables, declares: match?.[3] === ':=', commands }
  }

  #command(): Operand[] {
    const operands: Operand[] = []
    for (let operand = this.#operand(); operand !== undefined; operand = this.#operand()) operands.push(operand)
    if (operands.length === 0) throw new TemplateError('a value is missing')
    return operands
  }

  /** Undefined at the end, a bar or a closing parenthesis. */
  #operand(): Operand | undefined {
    TOKEN.lastIndex = this.#at
    const match = TOKEN.exec(this.#text)
    if (match === null) {
      if (this.#text.slice(this.#at).trim() === '') {
        this.#at = this.#text.length
        return undefined
      }
      throw new TemplateError(`unexpected "${this.#text.slice(this.#at).trim()}"`)
    }
    const [, quoted, raw, char, number, fields, variable, word, symbol] = match
    if (symbol === '|' || symbol === ')') return undefined
    this.#at = TOKEN.lastIndex
    if (quoted !== undefined) return { kind: 'value', value: unquote(quoted) }
    if (raw !== undefined) return { kind: 'value', value: raw }
    if (char !== undefined) return { kind: 'value', value: unquote(`"${char.slice(1, -1)}"`).codePointAt(0)! }
    if (number !== undefined) return { kind: 'value', value: Number(number) }
    if (fields !== undefined) return { kind: 'chain', from: 'dot', fields: fields === '.' ? [] : fields.slice(1).split('.') }
    if (variable !== undefined) return { kind: 'chain', from: { variable }, fields: this.#fields() }
    if (symbol === '(') {
      const pipe = this.#pipe()
      if (!this.#take(')')) throw new TemplateError('a ")" is missing')
      return { kind: 'chain', from: { pipe }, fields: this.#fields() }
    }
    if (word !== undefined) return this.#word(word)
    throw new TemplateError(`unexpected "${symbol}"`)
  }

  #word(word: string): Operand {
    if (word === 'true' || word === 'false') return { kind: 'value', value: word === 'true' }
    if (word === 'nil') return { kind: 'value', value: undefined }
    if (!Object.hasOwn(this.#functions, word)) throw new TemplateError(`function "${word}" not defined`)
    return { kind: 'function', name: word }
  }

  #fields(): string[] {
    const pattern = /(?:\.[A-Za-z_]\w*)+/y
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match === null) return []
    this.#at = pattern.lastIndex
    return match[0].slice(1).split('.')
  }

  #take(symbol: string): boolean {
    const pattern = /\s*(.)/ys
    pattern.lastIndex = this.#at
    if (pattern.exec(this.#text)?.[1] !== symbol) return false
    this.#at = pattern.lastIndex
    return true
  }
}

function render(nodes: readonly Node[], scope: Scope): string {
  let out = ''
  for (const node of nodes) {
    if (node.kind === 'text') out += node.text
    else if (node.kind === 'output') {
      const value = evaluate(node.pipe, scope)
      if (node.pipe.variables.length === 0) out += print(value)
    } else out += renderBranch(node, { ...scope, variables: [...scope.variables] })
  }
  return out
}

function renderBranch(node: Node & { kind: 'branch' }, scope: Scope): string {
  if (node.word === 'range') return renderRange(node, scope)
  const value = evaluate(node.pipe, scope)
  if (!isTrue(value)) return render(node.otherwise, scope)
  return render(node.body, node.word === 'with' ? { ...scope, dot: value } : scope)
}

function renderRange(node: Node & { kind: 'branch' }, scope: Scope): string {
  const value = evaluate({ ...node.pipe, variables: [] }, scope)
  const entries = entriesOf(value)
  if (entries.length === 0) return render(node.otherwise, scope)
  return entries.map(([key, item]) => {
    if (scope.steps.left-- <= 0) throw new TemplateError(`range goes on for more than ${STEPS_LIMIT} elements`)
    const [first, second] = node.pipe.variables
    const bound = second !== undefined ? [{ name: first!, value: key }, { name: second, value: item }] : first !== undefined ? [{ name: first, value: item }] : []
    return render(node.body, { ...scope, dot: item, variables: [...scope.variables, ...bound] })
  }).join('')
}

function entriesOf(value: Value): [Value, Value][] {
  if (value === undefined) return []
  if (typeof value === 'number') return Array.from({ length: Math.min(Math.max(0, value), STEPS_LIMIT + 1) }, (_, i) => [i, i])
  if (Array.isArray(value)) return value.map((item: Value, i) => [i, item])
  if (typeof value === 'object') return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  throw new TemplateError(`range can't iterate over ${print(value)}`)
}

function evaluate(pipe: Pipe, scope: Scope): Value {
  let value: Value
  pipe.commands.forEach((command, i) => { value = run(command, scope, i === 0 ? [] : [value]) })
  for (const name of pipe.variables) {
    if (pipe.declares) scope.variables.push({ name, value })
    else {
      const known = scope.variables.findLast((variable) => variable.name === name)
      if (known === undefined) throw new TemplateError(`undefined variable ${name}`)
      known.value = value
    }
  }
  return value
}

/** `last`: the value of the command before the bar, which becomes the last argument. */
function run(command: readonly Operand[], scope: Scope, last: readonly Value[]): Value {
  const [head, ...rest] = command
  if (head!.kind === 'function') {
    if (head!.name === 'and' || head!.name === 'or') return shortCircuit(head!.name, rest, scope, last)
    return scope.functions[head!.name]!(...rest.map((operand) => operandValue(operand, scope)), ...last)
  }
  const value = head!.kind === 'chain' ? chainValue(head!, scope, true) : head!.value
  const args = [...rest.map((operand) => operandValue(operand, scope)), ...last]
  if (typeof value === 'function') return value(...args)
  if (args.length > 0) throw new TemplateError(`can't give argument to non-function ${print(value)}`)
  return value
}

function shortCircuit(word: 'and' | 'or', operands: readonly Operand[], scope: Scope, last: readonly Value[]): Value {
  let value: Value
  for (const operand of operands) {
    value = operandValue(operand, scope)
    if (isTrue(value) === (word === 'or')) return value
  }
  return last.length > 0 ? last[0] : value
}

function operandValue(operand: Operand, scope: Scope): Value {
  if (operand.kind === 'value') return operand.value
  if (operand.kind === 'function') return scope.functions[operand.name]!()
  const value = chainValue(operand, scope, false)
  return typeof value === 'function' ? value() : value
}

/** `keepMethod`: a method at the end is given back to be called with arguments. */
function chainValue(operand: Operand & { kind: 'chain' }, scope: Scope, keepMethod: boolean): Value {
  let value = startOf(operand.from, scope)
  operand.fields.forEach((field, i) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TemplateError(`can't evaluate field ${field} in ${print(value)}`)
    const map = value as { readonly [name: string]: Value }
    if (!Object.hasOwn(map, field) && !Object.hasOwn(map, ANY_KEY)) throw new TemplateError(`can't evaluate field ${field}`)
    value = Object.hasOwn(map, field) ? map[field] : undefined
    if (typeof value === 'function' && !(keepMethod && i === operand.fields.length - 1)) value = value()
  })
  return value
}

/** A property that marks a map: keys that it does not have are no error, as in Go's maps. */
export const ANY_KEY = ' any key'

function startOf(from: (Operand & { kind: 'chain' })['from'], scope: Scope): Value {
  if (from === 'dot') return scope.dot
  if ('pipe' in from) return evaluate(from.pipe, scope)
  const known = scope.variables.findLast((variable) => variable.name === from.variable)
  if (known === undefined) throw new TemplateError(`undefined variable ${from.variable}`)
  return known.value
}

function isTrue(value: Value): boolean {
  if (value === undefined || value === '' || value === 0 || value === false) return false
  if (Array.isArray(value)) return value.length > 0
  return typeof value === 'object' ? Object.keys(value).some((key) => key !== ANY_KEY) : true
}

/** As Go's `%v`. */
export function print(value: Value): string {
  if (value === undefined) return '<no value>'
  if (Array.isArray(value)) return `[${value.map((item: Value) => print(item)).join(' ')}]`
  if (typeof value === 'object') return `map[${Object.entries(value).filter(([key]) => key !== ANY_KEY).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => `${key}:${print(item)}`).join(' ')}]`
  return typeof value === 'function' ? '<function>' : String(value)
}

const BUILT_IN: Functions = {
  and: () => undefined,
  or: () => undefined,
  not: (value) => !isTrue(value),
  len: (value) => {
    if (typeof value === 'string') return new TextEncoder().encode(value).length
    if (Array.isArray(value)) return value.length
    if (typeof value === 'object') return Object.keys(value).filter((key) => key !== ANY_KEY).length
    throw new TemplateError(`len of ${print(value)}`)
  },
  index: (value, ...keys) => keys.reduce<Value>((at, key) => indexed(at, key), value),
  slice: (value, ...bounds) => {
    if (typeof value !== 'string' && !Array.isArray(value)) throw new TemplateError(`can't slice ${print(value)}`)
    const [from, to] = bounds.map(Number)
    if ((from ?? 0) < 0 || (to ?? value.length) > value.length || (from ?? 0) > (to ?? value.length)) throw new TemplateError('slice out of range')
    return value.slice(from ?? 0, to)
  },
  print: (...values) => values.map(print).join(''),
  println: (...values) => `${values.map(print).join(' ')}\n`,
  printf: (format, ...values) => formatValues(String(format), values),
  eq: (a, ...others) => others.some((other) => a === other),
  ne: (a, b) => a !== b,
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
}

function indexed(value: Value, key: Value): Value {
  if (typeof value === 'string' && typeof key === 'number') return new TextEncoder().encode(value)[key]
  if (Array.isArray(value)) {
    if (typeof key !== 'number' || key < 0 || key >= value.length) throw new TemplateError(`index out of range: ${print(key)}`)
    return value[key] as Value
  }
  if (typeof value === 'object' && value !== null) return (value as { readonly [name: string]: Value })[String(key)] ?? ''
  throw new TemplateError(`can't index ${print(value)}`)
}

function compare(a: Value, b: Value): number {
  if (typeof a !== typeof b || (typeof a !== 'number' && typeof a !== 'string')) throw new TemplateError(`incompatible types for comparison: ${print(a)} and ${print(b)}`)
  return a < b! ? -1 : a === b ? 0 : 1
}

/** The verbs of Go's Printf that make sense for names and numbers. */
function formatValues(format: string, values: readonly Value[]): string {
  let next = 0
  return format.replace(/%([-+0 #]*)(\d*)(?:\.(\d+))?([vsdxXoqtcb%])/g, (_all, flags: string, width: string, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%'
    if (next >= values.length) return `%!${verb}(MISSING)`
    const text = formatOne(values[next++], verb, precision)
    const wide = Math.min(Number(width || 0), 1000)
    if (flags.includes('-')) return text.padEnd(wide)
    return flags.includes('0') && /^[dxXob]$/.test(verb) ? text.padStart(wide, '0') : text.padStart(wide)
  })
}

function formatOne(value: Value, verb: string, precision: string | undefined): string {
  if (typeof value === 'number' && /^[dxXobc]$/.test(verb)) return formatNumber(Math.trunc(value), verb)
  switch (verb) {
    case 'x': case 'X': {
      const hex = Array.from(new TextEncoder().encode(print(value)), (octet) => octet.toString(16).padStart(2, '0')).join('')
      return verb === 'X' ? hex.toUpperCase() : hex
    }
    case 'd': case 'o': case 'b': case 'c': return `%!${verb}(${print(value)})`
    case 'q': return JSON.stringify(print(value))
    default: return precision === undefined ? print(value) : print(value).slice(0, Number(precision))
  }
}

function formatNumber(number: number, verb: string): string {
  switch (verb) {
    case 'c': return number >= 0 && number <= 0x10ffff ? String.fromCodePoint(number) : '\ufffd'
    case 'x': return number.toString(16)
    case 'X': return number.toString(16).toUpperCase()
    case 'o': return number.toString(8)
    case 'b': return number.toString(2)
    default: return String(number)
  }
}

function unquote(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[0-7]{3}|.)/gs, (_all, code: string) => {
    if (/^[xu]/.test(code) && code.length > 1) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
    if (/^[0-7]{3}$/.test(code)) return String.fromCharCode(Number.parseInt(code, 8))
    return ({ n: '\n', t: '\t', r: '\r', a: '\u0007', b: '\b', f: '\f', v: '\v' } as Record<string, string>)[code] ?? code
  })
}
