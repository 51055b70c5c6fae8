import { parseIp } from '../../base/ip.ts'
import type { Place } from '../../corefile/options.ts'
import type { Token } from '../../corefile/tree.ts'
import { isMetadataLabel } from '../../core/metadata.ts'
import type { Query } from '../../core/query.ts'
import { EDNS, subnetOption } from '../../wire/edns.ts'
import type { Edns, EdnsOption } from '../../wire/message.ts'
import type { ReplyEdit, Rule } from './rule.ts'

type Action = 'set' | 'append' | 'replace' | 'unset'
/** The option's data for a query; undefined when there is none, and the rule does not match. */
type Data = (q: Query) => Uint8Array | undefined

const ACTIONS: readonly Action[] = ['set', 'append', 'replace', 'unset']
/** What an OPT looks like that a rule makes for a query that had none. */
const NEW_OPT: Edns = { udpSize: 4096, version: 0, do: false, z: 0, options: [] }

export interface EdnsRule {
  readonly rule: Rule
  /** Code that replies may copy from the client's OPT from now on. */
  readonly echoed: number | undefined
}

/** `edns0 local|nsid|subnet set|append|replace|unset … [revert]`. Throws ConfigError. */
export function parseEdnsRule(mode: Rule['mode'], args: readonly Token[], place: Place): EdnsRule {
  const [kind, verb] = args
  if (kind === undefined || verb === undefined) place.fail('too few arguments for an EDNS0 rule')
  const action = ACTIONS.find((known) => known === verb!.text.toLowerCase()) ?? place.fail(`invalid action: "${verb!.text}"; set, append, replace or unset wanted`, verb)
  const revert = action !== 'unset' && args.at(-1)!.text === 'revert'
  const rest = args.slice(2, revert ? -1 : undefined)
  switch (kind!.text.toLowerCase()) {
    case 'local': return localRule(mode, action, rest, revert, place)
    case 'nsid':
      if (rest.length > 0) place.fail('EDNS0 NSID rules take no argument', rest[0])
      return { rule: makeRule(mode, action, EDNS.NSID, () => new Uint8Array(), revert, true), echoed: undefined }
    case 'subnet': return { rule: subnetRule(mode, action, rest, revert, place), echoed: undefined }
    default: return place.fail(`invalid rule type "${kind!.text}"; local, nsid or subnet wanted`, kind)
  }
}

function localRule(mode: Rule['mode'], action: Action, args: readonly Token[], revert: boolean, place: Place): EdnsRule {
  const [code, data] = args
  if (args.length !== (action === 'unset' ? 1 : 2)) place.fail(`EDNS0 local ${action} takes ${action === 'unset' ? 'a code' : 'a code and data'}`)
  const number = readCode(code!, place)
  if (data === undefined) return { rule: makeRule(mode, action, number, () => new Uint8Array(), false, true), echoed: undefined }
  const variable = /^\{.*\}$/.test(data.text)
  const value = variable ? readVariable(data, place) : readData(data, place)
  return { rule: makeRule(mode, action, number, value, revert, !variable), echoed: number }
}

function subnetRule(mode: Rule['mode'], action: Action, args: readonly Token[], revert: boolean, place: Place): Rule {
  if (args.length !== (action === 'unset' ? 0 : 2)) place.fail(`EDNS0 subnet ${action} takes ${action === 'unset' ? 'no argument' : 'the lengths for IPv4 and IPv6'}`)
  const [v4, v6] = args.map((token, i) => readMask(token, i === 0 ? 32 : 128, place))
  return makeRule(mode, action, EDNS.SUBNET, (q) => {
    const address = parseIp(q.client.address)
    return address === undefined ? undefined : subnetOption(address, (address.length === 4 ? v4 : v6) ?? 0).data
  }, revert, false)
}

/** `again`: `append` adds even where the code is present, as CoreDNS does for plain local and NSID options. */
function makeRule(mode: Rule['mode'], action: Action, code: number, data: Data, revert: boolean, again: boolean): Rule {
  return {
    mode,
    apply(q) {
      const value = action === 'unset' ? new Uint8Array() : data(q)
      if (value === undefined) return undefined
      const edns = q.request.edns ?? NEW_OPT
      q.request.edns = edns
      const present = edns.options.findIndex((option) => option.code === code)
      if (action === 'unset') return edit(q, edns, edns.options.filter((option) => option.code !== code), [])
      if (present >= 0 && action !== 'append') {
        const before = edns.options[present]!
        return edit(q, edns, edns.options.with(present, { code, data: value }), revert ? [restore(before)] : [])
      }
      if (action === 'replace' || (present >= 0 && !again)) return undefined
      return edit(q, edns, [...edns.options, { code, data: value }], revert ? [remove(code)] : [])
    },
  }
}

function edit(q: Query, edns: Edns, options: readonly EdnsOption[], edits: readonly ReplyEdit[]): readonly ReplyEdit[] {
  q.request.edns = { ...edns, options }
  return edits
}

function restore(before: EdnsOption): ReplyEdit {
  return { edns: (edns) => ({ ...edns, options: edns.options.map((option) => (option.code === before.code ? before : option)) }) }
}

function remove(code: number): ReplyEdit {
  return {
    edns(edns) {
      const at = edns.options.findIndex((option) => option.code === code)
      return at < 0 ? edns : { ...edns, options: edns.options.toSpliced(at, 1) }
    },
  }
}

function readCode(token: Token, place: Place): number {
  const code = /^(0x[0-9a-f]+|\d+)$/i.test(token.text) ? Number(token.text) : Number.NaN
  return code <= 0xffff ? code : place.fail(`"${token.text}" is no option code: a number up to 65535, decimal or 0x…`, token)
}

function readMask(token: Token, limit: number, place: Place): number {
  const bits = /^\d+$/.test(token.text) ? Number(token.text) : Number.NaN
  return bits <= limit ? bits : place.fail(`invalid ${limit === 32 ? 'IPv4' : 'IPv6'} bit mask length ${token.text}`, token)
}

function readData(token: Token, place: Place): Data {
  const { text } = token
  if (!text.startsWith('0x')) {
    const bytes = new TextEncoder().encode(text)
    return () => bytes
  }
  if (!/^0x([0-9a-f]{2})*$/i.test(text)) place.fail(`"${text}" is not pairs of hexadecimal digits`, token)
  const bytes = Uint8Array.from(text.slice(2).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  return () => bytes
}

const VARIABLES: Readonly<Record<string, Data>> = {
  '{qname}': (q) => new TextEncoder().encode(q.question.name),
  '{qtype}': (q) => uint16(q.question.type),
  '{client_ip}': (q) => ofFamily(q, q.client.address),
  '{server_ip}': (q) => ofFamily(q, q.arrival.local.address),
  '{client_port}': (q) => uint16(q.client.port),
  '{server_port}': (q) => uint16(q.arrival.local.port),
  '{protocol}': (q) => new TextEncoder().encode(q.protocol),
}

/** A variable, or `{plugin/label}`: metadata, which has a value where the block has the `metadata` directive and somebody knows it. */
function readVariable(token: Token, place: Place): Data {
  const known = VARIABLES[token.text]
  if (known !== undefined) return known
  const label = /^\{(.*)\}$/.exec(token.text)?.[1]
  if (label === undefined || !isMetadataLabel(label)) return place.fail(`unsupported variable name "${token.text}"`, token)
  return (q) => {
    const value = q.metadata?.get(label)
    return value === undefined || value === '' ? undefined : new TextEncoder().encode(value)
  }
}

function ofFamily(q: Query, text: string): Uint8Array | undefined {
  const address = parseIp(text)
  return address !== undefined && address.length === (q.client.family === 1 ? 4 : 16) ? address : undefined
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}
