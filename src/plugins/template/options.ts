import { compileGoRegexp } from '../../corefile/regexp.ts'
import { applyOptions, initialValues, placeOf, readInteger, readZones, row, zoneList, type Place } from '../../corefile/options.ts'
import type { Directive, Line, Token } from '../../corefile/tree.ts'
import { parseExpression, ExpressionError, type Expression } from '../../core/expression.ts'
import { CLASS, parseClass, parseRcode, parseTypeName, RCODE } from '../../wire/codes.ts'
import type { Name } from '../../wire/name.ts'
import { parseTemplate, TemplateError, type Template } from './go-template.ts'
import { TEMPLATE_FUNCTIONS } from './functions.ts'

/** A template of one record, with its text for metrics. */
export interface RecordTemplate {
  readonly text: string
  readonly template: Template
}

/** One `template CLASS TYPE [ZONES...] { … }`. */
export interface TemplateSpec {
  readonly class: number
  readonly type: number
  readonly zones: readonly Name[]
  readonly matches: readonly RegExp[]
  readonly variables: readonly { readonly name: string; readonly expression: Expression }[]
  readonly conditions: readonly Expression[]
  readonly answers: readonly RecordTemplate[]
  readonly additionals: readonly RecordTemplate[]
  readonly authorities: readonly RecordTemplate[]
  readonly rcode: number
  readonly extendedError: { readonly code: number; readonly text: string } | undefined
  readonly fallthrough: readonly Name[] | undefined
}

type Variable = TemplateSpec['variables'][number]

/** Names of the functions that expressions know. */
const RESERVED = new Set(['type', 'name', 'class', 'proto', 'size', 'client_ip', 'port', 'id', 'opcode', 'do', 'bufsize', 'server_ip', 'server_port', 'incidr', 'metadata', 'group', 'true', 'false', 'nil', 'in', 'not', 'and', 'or', 'matches', 'contains', 'len', 'upper', 'lower', 'trim', 'split', 'join', 'string', 'int'])

const records = (help: string) => row<readonly RecordTemplate[]>({ min: 1, max: Infinity, form: 'RR...', help, initial: [], read: (args, place, before) => [...before, ...args.map((arg) => readTemplate(arg, place))] })

export const TEMPLATE_TABLE = {
  match: row<readonly RegExp[]>({ min: 1, max: Infinity, form: 'REGEX...', help: 'patterns for the name, of which one must match (default: every name)', initial: [], read: (args, place, before) => [...before, ...args.map((arg) => readPattern(arg, place))] }),
  var: row<readonly Variable[]>({ min: 2, max: Infinity, form: 'NAME EXPRESSION', help: 'a value for the records, as .Var.NAME', initial: [], read: (args, place, before) => [...before, readVariable(args, place, before)] }),
  expr: row<readonly Expression[]>({ min: 1, max: Infinity, form: 'EXPRESSION', help: 'what must be true besides the match', initial: [], read: (args, place, before) => [...before, readExpression(args, place)] }),
  answer: records('template of a record of the answer section'),
  additional: records('template of a record of the additional section'),
  authority: records('template of a record of the authority section'),
  rcode: row<number>({
    form: 'CODE', help: 'rcode of the reply (default NOERROR)', initial: RCODE.NOERROR,
    read: ([arg], place) => (/^[A-Z]+$/.test(arg!.text) ? parseRcode(arg!.text) : undefined) ?? place.fail(`unknown rcode ${arg!.text}`, arg),
  }),
  ederror: row<{ code: number; text: string } | undefined>({
    min: 1, max: 2, form: 'CODE [TEXT]', help: 'an extended DNS error (RFC 8914) for the reply', initial: undefined,
    read: ([code, text], place) => ({ code: readInteger(code!, 0, 65_535, place), text: text?.text ?? '' }),
  }),
  fallthrough: zoneList({ help: 'go on with the next template or plugin when nothing matches, for all names or those in ZONES' }),
  upstream: row({ min: 0, max: Infinity, form: '', help: 'taken for compatibility: CNAMEs are always resolved', initial: undefined, read: () => undefined }),
}

export function parseTemplates(directive: Directive, blockZones: readonly Name[]): TemplateSpec[] {
  return directive.lines.map((line) => parseOne(line, blockZones))
}

function parseOne(line: Line, blockZones: readonly Name[]): TemplateSpec {
  const place: Place = placeOf('template', line.token)
  const [klass, type, ...zones] = line.args
  if (klass === undefined || type === undefined) place.fail(`Wrong argument count or unexpected line ending after '${(klass ?? line.token).text}': CLASS and TYPE wanted`)
  const classCode = upperOnly(klass!.text) ? parseClass(klass!.text) : undefined
  const typeCode = upperOnly(type!.text) ? parseTypeName(type!.text) : undefined
  const values = initialValues(TEMPLATE_TABLE)
  const spec = {
    class: classCode ?? (klass!.text === 'ANY' ? CLASS.ANY : place.fail(`invalid query class ${klass!.text}`, klass)),
    type: typeCode ?? place.fail(`invalid RR class ${type!.text}: a record type such as A or ANY, in upper case, is wanted`, type),
    zones: zones.length === 0 ? blockZones : readZones(zones, place),
  }
  applyOptions(line.block ?? [], TEMPLATE_TABLE, 'template', values)
  return {
    ...spec,
    matches: values.match.length === 0 ? [/.*/] : values.match,
    variables: values.var,
    conditions: values.expr,
    answers: values.answer,
    additionals: values.additional,
    authorities: values.authority,
    rcode: values.rcode,
    extendedError: values.ederror,
    fallthrough: values.fallthrough,
  }
}

function upperOnly(text: string): boolean {
  return text === text.toUpperCase()
}

function readPattern(token: Token, place: Place): RegExp {
  try {
    return compileGoRegexp(token.text)
  } catch (error) {
    return place.fail(`could not parse regex: ${token.text}, ${(error as Error).message}`, token)
  }
}

function readTemplate(token: Token, place: Place): RecordTemplate {
  try {
    return { text: token.text, template: parseTemplate(token.text, TEMPLATE_FUNCTIONS) }
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return place.fail(`could not compile template: ${token.text}, ${error.message}`, token)
  }
}

function readVariable([name, ...expression]: readonly Token[], place: Place, before: readonly Variable[]): Variable {
  if (!/^[A-Za-z_]\w*$/.test(name!.text)) place.fail(`invalid variable name "${name!.text}"`, name)
  if (RESERVED.has(name!.text) || before.some((each) => each.name === name!.text)) place.fail(`variable name "${name!.text}" is reserved`, name)
  return { name: name!.text, expression: readExpression(expression, place) }
}

function readExpression(tokens: readonly Token[], place: Place): Expression {
  const text = tokens.map((token) => token.text).join(' ')
  try {
    return parseExpression(text)
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    return place.fail(`could not compile expression: ${text}, ${error.message}`, tokens[0])
  }
}
