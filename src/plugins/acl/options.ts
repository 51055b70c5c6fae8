import { parsePrefix, type Prefix } from '../../base/ip.ts'
import { ConfigError } from '../../corefile/error.ts'
import { placeOf, readZones, row, type Place } from '../../corefile/options.ts'
import type { Directive, Line, Token } from '../../corefile/tree.ts'
import { TYPE } from '../../wire/codes.ts'
import type { Name } from '../../wire/name.ts'

export const ACTIONS = ['allow', 'block', 'filter', 'drop'] as const
export type Action = (typeof ACTIONS)[number]

/** One `acl` directive: what is decided for names in its zones. */
export interface AclRule {
  readonly zones: readonly Name[]
  /** In the order of the file; the first that matches decides. */
  readonly policies: readonly Policy[]
}

export interface Policy {
  readonly action: Action
  /** Undefined for every type. */
  readonly types: ReadonlySet<number> | undefined
  /** Undefined for every address. */
  readonly sources: readonly Prefix[] | undefined
}

type Sections = Pick<Policy, 'types' | 'sources'>

const policyRow = (help: string) => row<Sections>({ min: 0, max: Infinity, form: '[type TYPE...] [net SOURCE...]', help, initial: { types: undefined, sources: undefined }, read: readSections })

export const ACL_TABLE = {
  allow: policyRow('answer these, whatever later policies and directives say'),
  block: policyRow('answer these with REFUSED and the extended error Blocked'),
  filter: policyRow('answer these with NOERROR, no records and the extended error Filtered'),
  drop: policyRow('do not answer these'),
}

/** Throws ConfigError. */
export function parseAcl(directive: Directive, blockZones: readonly Name[]): AclRule[] {
  return directive.lines.map((line) => ({
    zones: line.args.length === 0 ? blockZones : readZones(line.args, placeOf('acl', line.token)),
    policies: (line.block ?? []).map(readPolicy),
  }))
}

function readPolicy(line: Line): Policy {
  const word = line.token.text.toLowerCase()
  const action = ACTIONS.find((known) => known === word)
  if (action === undefined) throw new ConfigError(line.token, 'acl', `unexpected token "${line.token.text}"; expect 'allow', 'block', 'filter' or 'drop'`)
  const place = placeOf('acl', line.token, action)
  if (line.block !== undefined) place.fail('takes no block')
  return { action, ...ACL_TABLE[action].read(line.args, place, ACL_TABLE[action].initial) }
}

type Section = 'type' | 'net'

/** A section may come again; `*` in one of them stands for everything, and so does the type None, which CoreDNS keeps it as. */
function readSections(args: readonly Token[], place: Place): Sections {
  const types = new Set<number>()
  const sources: Prefix[] = []
  const everything = new Set<Section>()
  const given = new Set<Section>()
  let section: Section | undefined
  for (const [at, token] of args.entries()) {
    const opened = sectionOf(token)
    if (opened !== undefined) {
      const next = args[at + 1]
      if (next === undefined || sectionOf(next) !== undefined) place.fail(`no token specified in "${opened}" section`, token)
      section = opened
      given.add(opened)
    } else if (section === undefined) place.fail(`unexpected token "${token.text}"; expect 'type | net'`, token)
    else if (token.text === '*' || (section === 'type' && token.text === 'None')) everything.add(section)
    else if (section === 'type') types.add(readType(token, place))
    else sources.push(readSource(token, place))
  }
  const all = (which: Section) => !given.has(which) || everything.has(which)
  return { types: all('type') ? undefined : types, sources: all('net') ? undefined : sources }
}

function sectionOf(token: Token): Section | undefined {
  const word = token.text.toLowerCase()
  return word === 'type' || word === 'net' ? word : undefined
}

/** Mnemonics only, and in capitals but for `None` and `Reserved`, as in CoreDNS. */
function readType(token: Token, place: Place): number {
  return (TYPE as Readonly<Record<string, number>>)[token.text] ?? place.fail(`unexpected token "${token.text}"; expect legal QTYPE`, token)
}

function readSource(token: Token, place: Place): Prefix {
  return parsePrefix(token.text) ?? place.fail(`illegal CIDR notation "${token.text}"`, token)
}
