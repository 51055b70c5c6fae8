import type { Env } from '../../core/env.ts'
import type { Counter, Family } from '../../core/metrics.ts'
import { DONE, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { ExpressionError, type ExpressionValue } from '../../core/expression.ts'
import { queryScope } from '../../core/query-scope.ts'
import { fallsThrough, matchZone } from '../../core/zones.ts'
import { CLASS, classMnemonic, hasTypeName, RCODE, TYPE, typeName } from '../../wire/codes.ts'
import { extendedErrorOption } from '../../wire/edns.ts'
import type { ResourceRecord } from '../../wire/message.ts'
import { lowerName, type Name } from '../../wire/name.ts'
import { isAddress, targetOf } from '../../wire/rdata.ts'
import { parseRecord, RecordError } from '../../wire/record.ts'
import { ANY_KEY, TemplateError, type Value } from './go-template.ts'
import type { RecordTemplate, TemplateSpec } from './options.ts'

/** What a matched template is filled with. */
interface Match {
  readonly zone: Name
  readonly class: string
  readonly type: string
  readonly data: Value
}

type Section = 'answer' | 'additional' | 'authority'

/** Answers made from templates, tried in the order of the file (specification 3.16). */
export class Templates implements Stage {
  readonly name = 'template'
  readonly #env: Env
  readonly #specs: readonly TemplateSpec[]
  readonly #matches: Family<Counter>
  readonly #templateFailures: Family<Counter>
  readonly #recordFailures: Family<Counter>

  constructor(env: Env, specs: readonly TemplateSpec[]) {
    this.#env = env
    this.#specs = specs
    const where = ['server', 'zone', 'view', 'class', 'type']
    this.#matches = env.metrics.counter('coredns_template_matches_total', 'Counter of template regex matches.', where)
    this.#templateFailures = env.metrics.counter('coredns_template_template_failures_total', 'Counter of go template failures.', [...where, 'section', 'template'])
    this.#recordFailures = env.metrics.counter('coredns_template_rr_failures_total', 'Counter of mis-templated RRs.', [...where, 'section', 'template'])
  }

  query(q: Query): Verdict | Promise<Verdict> {
    for (const spec of this.#specs) {
      const match = matchTemplate(spec, q)
      if (match === 'next') continue
      if (match === 'missed') {
        if (fallsThrough(spec.fallthrough, q.question.name)) continue
        q.fail(RCODE.SERVFAIL)
        return DONE
      }
      if (match === 'failed') {
        q.fail(RCODE.SERVFAIL)
        return DONE
      }
      this.#matches.with(q.server.label, match.zone, this.#env.block.view, match.class, match.type).add()
      return this.#answer(q, spec, match)
    }
    return NEXT
  }

  #answer(q: Query, spec: TemplateSpec, match: Match): Verdict | Promise<Verdict> {
    if (spec.rcode === RCODE.SERVFAIL) {
      q.fail(RCODE.SERVFAIL)
      return DONE
    }
    const sections = { answer: spec.answers, additional: spec.additionals, authority: spec.authorities }
    const made: Record<Section, ResourceRecord[]> = { answer: [], additional: [], authority: [] }
    for (const section of ['answer', 'additional', 'authority'] as const) {
      for (const template of sections[section]) {
        const record = this.#record(q, template, section, match)
        if (record instanceof Error) {
          q.fail(RCODE.SERVFAIL, record)
          return DONE
        }
        made[section].push(record)
      }
    }
    const reply = q.begin(spec.rcode)
    reply.aa = true
    reply.answers = made.answer
    reply.additionals = made.additional
    reply.authorities = made.authority
    if (spec.extendedError !== undefined) {
      reply.edns = { udpSize: 4096, version: 0, do: true, z: 0, options: [extendedErrorOption(spec.extendedError.code, spec.extendedError.text)] }
    }
    const aliases = isAddress(q.question.type) && made.answer.some((record) => record.type === TYPE.CNAME)
    return aliases ? this.#resolve(q) : DONE
  }

  /** Behind each CNAME the records of its target. */
  async #resolve(q: Query): Promise<Verdict> {
    const { reply } = q
    const answers: ResourceRecord[] = []
    for (const record of reply.answers) {
      answers.push(record)
      if (record.type !== TYPE.CNAME) continue
      const found = await this.#env.ask(q, { scope: 'server', question: { name: targetOf(record.type, record.rdata)!, type: q.question.type, class: CLASS.IN } })
      reply.tc = found.message.tc
      answers.push(...found.message.answers)
    }
    reply.answers = answers
    return DONE
  }

  #record(q: Query, template: RecordTemplate, section: Section, match: Match): ResourceRecord | Error {
    const labels = [q.server.label, match.zone, this.#env.block.view, match.class, match.type, section, labelText(template.text)]
    let text: string
    try {
      text = template.template.execute(match.data)
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      this.#templateFailures.with(...labels).add()
      return error
    }
    try {
      return parseRecord(text)
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
      this.#recordFailures.with(...labels).add()
      return error
    }
  }
}

/** `next`: not for this template. `missed`: in its zone and type, but no pattern matches. `failed`: an expression cannot be evaluated. */
function matchTemplate(spec: TemplateSpec, q: Query): Match | 'next' | 'missed' | 'failed' {
  const { question } = q
  const name = lowerName(question.name)
  const zone = matchZone(spec.zones, name)
  if (zone === undefined) return 'next'
  if (spec.class !== CLASS.ANY && question.class !== CLASS.ANY && question.class !== spec.class) return 'next'
  if (spec.type !== TYPE.ANY && question.type !== TYPE.ANY && question.type !== spec.type) return 'next'
  for (const pattern of spec.matches) {
    const found = pattern.exec(name)
    if (found === null) continue
    const klass = classMnemonic(question.class === CLASS.ANY ? spec.class : question.class) ?? ''
    const type = question.type === TYPE.ANY ? spec.type : question.type
    const typeText = hasTypeName(type) ? typeName(type) : ''
    const groups = groupsOf(found)
    const variables = evaluate(spec, q, groups)
    if (variables === 'missed' || variables === 'failed') return variables
    return { zone, class: klass, type: typeText, data: dataOf(q, { name, zone, class: klass, type: typeText, pattern, found, groups, variables }) }
  }
  return 'missed'
}

function groupsOf(found: RegExpExecArray): Record<string, string> {
  const groups: Record<string, string> = {}
  found.forEach((text, i) => { groups[String(i)] = text ?? '' })
  for (const [name, text] of Object.entries(found.groups ?? {})) groups[name] = text ?? ''
  return groups
}

function evaluate(spec: TemplateSpec, q: Query, groups: Readonly<Record<string, string>>): Record<string, ExpressionValue> | 'missed' | 'failed' {
  const variables: Record<string, ExpressionValue> = {}
  if (spec.variables.length + spec.conditions.length === 0) return variables
  const scope: Record<string, ExpressionValue> = { ...queryScope(q), group: (key) => groups[String(key)] ?? '' }
  try {
    for (const { name, expression } of spec.variables) scope[name] = variables[name] = expression.evaluate(scope)
    return spec.conditions.every((condition) => condition.evaluate(scope) === true) ? variables : 'missed'
  } catch (error) {
    if (error instanceof ExpressionError) return 'failed'
    throw error
  }
}

interface Facts {
  readonly name: Name
  readonly zone: Name
  readonly class: string
  readonly type: string
  readonly pattern: RegExp
  readonly found: RegExpExecArray
  readonly groups: Readonly<Record<string, string>>
  readonly variables: Readonly<Record<string, ExpressionValue>>
}

function dataOf(q: Query, facts: Facts): Value {
  const { request, question } = q
  return {
    Zone: facts.zone,
    Name: facts.name,
    Regex: facts.pattern.source,
    Match: Array.from(facts.found, (text) => text ?? ''),
    Group: { ...facts.groups, [ANY_KEY]: true },
    Class: facts.class,
    Type: facts.type,
    Message: {
      Id: request.id, Opcode: request.opcode, Rcode: request.rcode, Response: request.qr, Authoritative: request.aa, Truncated: request.tc, RecursionDesired: request.rd,
      RecursionAvailable: request.ra, AuthenticatedData: request.ad, CheckingDisabled: request.cd,
    },
    Question: { Name: question.name, Qtype: question.type, Qclass: question.class },
    Remote: q.client.address,
    Var: { ...facts.variables as Record<string, Value>, [ANY_KEY]: true },
    Meta: (label) => (typeof label === 'string' ? q.metadata?.get(label) ?? '' : ''),
  }
}

/** A template as Go prints it: no white space at the ends of its actions. */
function labelText(text: string): string {
  return text.replace(/\{\{-?\s*(.*?)\s*-?\}\}/gs, (_all, action: string) => `{{${action.replace(/\s+/g, ' ')}}}`)
}
