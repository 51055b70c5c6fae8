import type { Place } from '../../corefile/options.ts'
import type { Token } from '../../corefile/tree.ts'
import { parseClassName, parseRcode, parseTypeName } from '../../wire/codes.ts'
import type { Edns } from '../../wire/message.ts'
import { lowerName, parseName } from '../../wire/name.ts'
import { matchKind, normalized, readPattern, replacer, type Replacer } from './matcher.ts'
import type { Rule } from './rule.ts'

const TTL_LIMIT = 0x7fffffff

/** `type FROM TO`. Throws ConfigError. */
export function parseTypeRule(mode: Rule['mode'], args: readonly Token[], place: Place): Rule {
  const [from, to] = two(args, 'type', place).map((token) => parseTypeName(token.text) ?? place.fail(`invalid type "${token.text}"`, token))
  return {
    mode,
    apply(q) {
      if (q.question.type !== from) return undefined
      q.question = { ...q.question, type: to! }
      return []
    },
  }
}

/** `class FROM TO`. */
export function parseClassRule(mode: Rule['mode'], args: readonly Token[], place: Place): Rule {
  const [from, to] = two(args, 'class', place).map((token) => parseClassName(token.text) ?? place.fail(`invalid class "${token.text}"`, token))
  return {
    mode,
    apply(q) {
      if (q.question.class !== from) return undefined
      q.question = { ...q.question, class: to! }
      return []
    },
  }
}

/** `ttl [KIND] NAME TTL`: every record of the reply is brought into the range. */
export function parseTtlRule(mode: Rule['mode'], args: readonly Token[], place: Place): Rule {
  if (args.length < 2) place.fail(`too few (${args.length}) arguments for a ttl rule: NAME and TTL wanted`)
  if (args.length > 3) place.fail('too many arguments for a ttl rule', args[3])
  const range = args.at(-1)!
  const bounds = readTtlRange(range.text) ?? place.fail(`invalid TTL '${range.text}' for a ttl rule`, range)
  const clamp = (ttl: number) => Math.min(Math.max(ttl, bounds.min), bounds.max)
  const matches = readMatcher(args.slice(0, -1), 'ttl', place)
  return {
    mode,
    apply: (q) => (matches(lowerName(q.question.name)) === undefined ? undefined : [{
      record: (record) => (record.ttl === clamp(record.ttl) ? record : { ...record, ttl: clamp(record.ttl) }),
      opt: (edns) => optWithTtl(edns, clamp(optTtl(edns))),
    }]),
  }
}

/** `rcode [KIND] NAME FROM TO`. */
export function parseRcodeRule(mode: Rule['mode'], args: readonly Token[], place: Place): Rule {
  if (args.length < 3) place.fail(`too few (${args.length}) arguments for a rcode rule: NAME, FROM and TO wanted`)
  if (args.length > 4) place.fail('too many arguments for a rcode rule', args[4])
  const from = readRcode(args.at(-2)!, 'matching', place)
  const to = readRcode(args.at(-1)!, 'replacement', place)
  const matches = readMatcher(args.slice(0, -2), 'rcode', place)
  return {
    mode,
    apply: (q) => (matches(lowerName(q.question.name)) === undefined ? undefined : [{
      message: (reply) => { if (reply.rcode === from) reply.rcode = to },
    }]),
  }
}

/** `cname [KIND] FROM TO`: always applies to the request, and to the reply where a CNAME's target matches. */
export function parseCnameRule(mode: Rule['mode'], args: readonly Token[], place: Place): Rule {
  if (args.length < 2 || args.length > 3) place.fail(`too few (${args.length}) arguments for a cname rule: FROM and TO wanted`)
  const kind = args.length === 2 ? 'exact' : matchKind(args[0]!) ?? place.fail(`unknown cname rewrite type: ${args[0]!.text}`, args[0])
  const [from, to] = args.slice(-2)
  const text = (token: Token) => (kind === 'exact' ? normalized(token.text) : token.text.toLowerCase())
  const replace = replacer(kind, text(from!), text(to!), kind === 'regex' ? readPattern({ ...from!, text: from!.text.toLowerCase() }, undefined, place) : undefined)
  const retarget = (target: string) => {
    const next = replace(lowerName(target))
    return next === undefined ? undefined : parseName(next)
  }
  return { mode, apply: () => [{ retarget }] }
}

/** `[KIND] NAME`. */
function readMatcher(args: readonly Token[], rule: string, place: Place): Replacer {
  const kind = args.length === 1 ? 'exact' : matchKind(args[0]!) ?? place.fail(`${rule} rule supports only exact, prefix, suffix, substring, and regex name matching`, args[0])
  const name = args.at(-1)!
  return replacer(kind, normalized(name.text), '', kind === 'regex' ? readPattern(name, undefined, place) : undefined)
}

function two(args: readonly Token[], rule: string, place: Place): readonly Token[] {
  if (args.length !== 2) place.fail(`${rule} rules must have exactly two arguments`)
  return args
}

function readRcode(token: Token, what: string, place: Place): number {
  const code = parseRcode(token.text)
  return code === undefined || code > 23 ? place.fail(`invalid ${what} RCODE '${token.text}' for a rcode rule`, token) : code
}

/** N, MIN-MAX, MIN- or -MAX. */
function readTtlRange(text: string): { min: number; max: number } | undefined {
  const match = /^(\d*)(-?)(\d*)$/.exec(text)
  if (match === null || (match[1] === '' && match[3] === '')) return undefined
  const min = match[1] === '' ? 0 : Number(match[1])
  const max = match[2] === '' ? min : match[3] === '' ? TTL_LIMIT : Number(match[3])
  return min > max || max > 0xffffffff ? undefined : { min, max }
}

/** CoreDNS clamps the OPT like a record, though its TTL field holds flags. */
function optTtl(edns: Edns): number {
  return edns.version * 0x10000 + (edns.do ? 0x8000 : 0) + edns.z
}

function optWithTtl(edns: Edns, ttl: number): Edns {
  return { ...edns, version: (ttl >>> 16) & 0xff, do: (ttl & 0x8000) !== 0, z: ttl & 0x7fff }
}
