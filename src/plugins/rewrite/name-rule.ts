import type { Place } from '../../corefile/options.ts'
import type { Token } from '../../corefile/tree.ts'
import type { Query } from '../../core/query.ts'
import { TYPE } from '../../wire/codes.ts'
import type { ResourceRecord } from '../../wire/message.ts'
import { lowerName, parseName, type Name } from '../../wire/name.ts'
import { readSoa, soaRdata, targetOf, withTarget } from '../../wire/rdata.ts'
import { fillGroups, matchKind, normalized, readPattern, replacer, type MatchKind, type Replacer } from './matcher.ts'
import type { ReplyEdit, Rule } from './rule.ts'

type Rewriter = (name: Name) => Name

/** `name [exact|prefix|suffix|substring|regex] FROM TO [answer …]`. Throws ConfigError. */
export function parseNameRule(mode: Rule['mode'], args: readonly Token[], place: Place): Rule {
  if (args.length < 2) place.fail('too few arguments for a name rule: FROM and TO wanted')
  const kind = args.length === 2 ? 'exact' : matchKind(args[0]!) ?? place.fail(`name rule supports only exact, prefix, suffix, substring, and regex name matching, received: ${args[0]!.text}`, args[0])
  const [from, to, ...answers] = args.length === 2 ? args : args.slice(1)
  const target = normalized(to!.text)
  const pattern = kind === 'regex' ? readPattern(from!, to!.text, place) : undefined
  const source = kind === 'regex' ? from!.text : normalized(from!.text)
  const { auto, edits } = parseAnswers(kind, answers, place)
  const replace = replacer(kind, source, target, pattern)
  const fixed = kind === 'suffix' && auto ? [...nameEdits(suffixRewriter(target, source)), ...edits] : edits
  return { mode, apply: (q) => applyName(q, replace, kind === 'exact' || (auto && kind !== 'suffix'), fixed) }
}

function applyName(q: Query, replace: Replacer, remap: boolean, edits: readonly ReplyEdit[]): readonly ReplyEdit[] | undefined {
  const before = lowerName(q.question.name)
  const after = replace(before)
  if (after === undefined) return undefined
  q.question = { ...q.question, name: after }
  return remap ? [...nameEdits(remapRewriter(after, before)), ...edits] : edits
}

interface Answers {
  readonly auto: boolean
  readonly edits: readonly ReplyEdit[]
}

/** `answer auto`, `answer name RE TO`, `answer value RE TO`, in any number. */
function parseAnswers(kind: MatchKind, args: readonly Token[], place: Place): Answers {
  if (args.length === 0) return { auto: false, edits: [] }
  if (args.length < 2) place.fail(`invalid arguments for ${kind} rule`, args[0])
  if (args[0]!.text !== 'answer') place.fail(`exceeded the number of arguments for a non-answer rule argument for ${kind} rule`, args[0])
  let auto = false
  let names = 0
  const edits: ReplyEdit[] = []
  for (let i = 0; i < args.length;) {
    if (args[i]!.text === 'answer') i++
    const word = args[i++] ?? place.fail(`type missing for answer rule for ${kind} rule`)
    if (word.text === 'auto') {
      auto = true
      continue
    }
    if (word.text !== 'name' && word.text !== 'value') place.fail(`invalid type "${word.text}" for answer rule for ${kind} rule: auto, name or value wanted`, word)
    const [from, to] = [args[i], args[i + 1]]
    if (from === undefined || to === undefined) place.fail(`${word.text} answer rule for ${kind} rule: 2 arguments required`, word)
    const rewriter = patternRewriter(readPattern(from!, to!.text, place), normalized(to!.text))
    edits.push(word.text === 'name' ? ownerEdit(rewriter) : valueEdit(rewriter))
    if (word.text === 'name') names++
    i += 2
  }
  if (auto && names > 0) place.fail('auto name answer rule cannot be combined with explicit name answer rules', args[0])
  return { auto, edits }
}

function nameEdits(rewriter: Rewriter): ReplyEdit[] {
  return [ownerEdit(rewriter), valueEdit(rewriter)]
}

function ownerEdit(rewriter: Rewriter): ReplyEdit {
  return {
    record(record) {
      const name = rewriter(record.name)
      return name === record.name ? record : { ...record, name: parseName(name) ?? record.name }
    },
  }
}

/** Names inside the rdata of the types that CoreDNS rewrites; of a SOA, the first. */
function valueEdit(rewriter: Rewriter): ReplyEdit {
  const types = new Set<number>([TYPE.CNAME, TYPE.DNAME, TYPE.NS, TYPE.MX, TYPE.SRV, TYPE.NAPTR, TYPE.PTR])
  return {
    record(record) {
      if (record.type === TYPE.SOA) return rewriteSoa(record, rewriter)
      const target = types.has(record.type) ? targetOf(record.type, record.rdata) : undefined
      if (target === undefined) return record
      const next = parseName(rewriter(target))
      return next === undefined || next === target ? record : { ...record, rdata: withTarget(record.type, record.rdata, next) }
    },
  }
}

function rewriteSoa(record: ResourceRecord, rewriter: Rewriter): ResourceRecord {
  const soa = readSoa(record.rdata)
  const mname = parseName(rewriter(soa.mname))
  return mname === undefined || mname === soa.mname ? record : { ...record, rdata: soaRdata({ ...soa, mname }) }
}

/** The name itself, and the tail of names below it. */
function remapRewriter(from: Name, to: Name): Rewriter {
  return (name) => {
    if (name === from) return to
    return name.endsWith(`.${from}`) ? name.slice(0, name.length - from.length) + to : name
  }
}

function suffixRewriter(from: string, to: string): Rewriter {
  return (name) => (name.endsWith(from) ? name.slice(0, name.length - from.length) + to : name)
}

/** A name that matches is replaced whole. */
function patternRewriter(pattern: RegExp, to: string): Rewriter {
  return (name) => {
    const match = pattern.exec(name)
    return match === null ? name : fillGroups(to, match)
  }
}
