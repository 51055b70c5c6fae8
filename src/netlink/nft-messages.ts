import { attribute, bigUint32Attribute, bigUint64Attribute, findAttribute, nested, readAttributes, readText, textAttribute } from './attributes.ts'
import type { Expression } from './expressions.ts'
import { FLAG, type Message } from './socket.ts'

/** Messages about tables, chains, sets and rules (linux/netfilter/nf_tables.h). */

const SUBSYSTEM = 10
export const MSG = {
  NEWTABLE: 0, GETTABLE: 1, DELTABLE: 2, NEWCHAIN: 3, GETCHAIN: 4, NEWRULE: 6, GETRULE: 7, DELRULE: 8, NEWSET: 9, NEWSETELEM: 12, GETSETELEM: 13, DELSETELEM: 14, GETGEN: 16,
} as const
const BATCH = { BEGIN: 0x10, END: 0x11 } as const
const TABLE = { NAME: 1, FLAGS: 2 } as const
const CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, POLICY: 5, TYPE: 7, HOOKNUM: 1, PRIORITY: 2 } as const
const RULE = { TABLE: 1, CHAIN: 2, HANDLE: 3, EXPRESSIONS: 4, USERDATA: 7 } as const
const SET = { TABLE: 1, NAME: 2, FLAGS: 3, KEY_TYPE: 4, KEY_LEN: 5, DESC: 9, ID: 10, TIMEOUT: 11, DESC_SIZE: 1 } as const
const ELEMENTS = { TABLE: 1, SET: 2, LIST: 3 } as const
const ELEMENT = { KEY: 1, TIMEOUT: 4, EXPIRATION: 5 } as const
const LIST_ITEM = 1
const DATA_VALUE = 1
const OWNER_FLAG = 2
/** Elements have a timeout, and rules may add them. */
const SET_FLAGS = 0x10 | 0x20
/** nft's numbers for the types of keys; the kernel only keeps them. */
const KEY_TYPE = { 4: 7, 16: 8 } as const
/** The kernel's limit, its final zero included. */
const COMMENT_LIMIT = 127
const FAMILY = { unspecified: 0, inet: 1, ip: 2, ip6: 10 } as const
export type FamilyName = keyof typeof FAMILY
const HOOK = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const

/** A table with all that is in it, as it should be. */
export interface TableSpec {
  readonly family: FamilyName
  readonly name: string
  readonly sets: readonly SetSpec[]
  readonly chains: readonly ChainSpec[]
}

/** Addresses, each for a time only. */
export interface SetSpec {
  readonly name: string
  readonly keyBytes: 4 | 16
  readonly timeoutMs: number
  /** What is in it at first. */
  readonly keys: readonly Uint8Array[]
}

/** `of`: the hook in lower case. */
export interface ChainSpec {
  readonly name: string
  readonly type: 'filter' | 'nat'
  readonly hook: keyof typeof HOOK
  readonly priority: number
  readonly rules: readonly RuleSpec[]
}

export interface RuleSpec {
  /** Whose rule it is and what for; up to 126 octets. */
  readonly comment: string
  readonly expressions: readonly Expression[]
}

/** A rule as the kernel has it. */
export interface FoundRule {
  readonly table: string
  readonly chain: string
  readonly handle: bigint
  readonly comment: string
  /** The expressions as they came: older iptables keeps its comments in there. */
  readonly expressions: Buffer
}

export interface FoundChain {
  readonly table: string
  readonly name: string
  /** Undefined for chains that no hook calls. */
  readonly policy: 'accept' | 'drop' | undefined
}

export interface FoundElement {
  readonly key: Uint8Array
  /** Until it goes. */
  readonly expiresMs: number
}

/** Whether a rule's comment begins so. iptables keeps comments of rules that it restores among their expressions. */
export function commentBegins(rule: Pick<FoundRule, 'comment' | 'expressions'>, text: string): boolean {
  return rule.comment.startsWith(text) || rule.expressions.includes(text)
}

/** The messages of one transaction: all or nothing. */
export function transaction(messages: readonly Message[]): Message[] {
  return [mark(BATCH.BEGIN), ...messages.map((each) => ({ ...each, flags: each.flags | FLAG.ACK })), mark(BATCH.END)]
}

export function newTable(family: FamilyName, name: string, owned: boolean): Message {
  const flags = owned ? [bigUint32Attribute(TABLE.FLAGS, OWNER_FLAG)] : []
  return message(MSG.NEWTABLE, family, FLAG.CREATE, [textAttribute(TABLE.NAME, name), ...flags])
}

export function deleteTable(family: FamilyName, name: string): Message {
  return message(MSG.DELTABLE, family, 0, [textAttribute(TABLE.NAME, name)])
}

/** The sets before the rules that name them. */
export function tableContents(table: TableSpec): Message[] {
  const { family, name } = table
  return [
    ...table.sets.flatMap((set, i) => [newSet(family, name, set, i + 1), ...(set.keys.length === 0 ? [] : [newElements(family, name, set.name, set.keys)])]),
    ...table.chains.flatMap((chain) => [newChain(family, name, chain), ...chain.rules.map((rule) => newRule(family, name, chain.name, rule, 'tail'))]),
  ]
}

export function newRule(family: FamilyName, table: string, chain: string, rule: RuleSpec, where: 'head' | 'tail'): Message {
  return message(MSG.NEWRULE, family, where === 'tail' ? FLAG.CREATE | FLAG.APPEND : FLAG.CREATE, [
    textAttribute(RULE.TABLE, table),
    textAttribute(RULE.CHAIN, chain),
    nested(RULE.EXPRESSIONS, ...rule.expressions),
    attribute(RULE.USERDATA, commentData(rule.comment)),
  ])
}

export function deleteRule(family: FamilyName, table: string, chain: string, handle: bigint): Message {
  return message(MSG.DELRULE, family, 0, [textAttribute(RULE.TABLE, table), textAttribute(RULE.CHAIN, chain), bigUint64Attribute(RULE.HANDLE, handle)])
}

export function newElements(family: FamilyName, table: string, set: string, keys: readonly Uint8Array[]): Message {
  return message(MSG.NEWSETELEM, family, FLAG.CREATE, elementsOf(table, set, keys))
}

export function deleteElements(family: FamilyName, table: string, set: string, keys: readonly Uint8Array[]): Message {
  return message(MSG.DELSETELEM, family, 0, elementsOf(table, set, keys))
}

/** Lists what a family, a table, one of its chains or one of its sets has, by the message's type. */
export function list(type: number, family: FamilyName, table?: string, part?: string): Message {
  const names = [table, part].flatMap((name, i) => (name === undefined ? [] : [textAttribute(i + 1, name)]))
  return message(type, family, FLAG.DUMP, names)
}

export function getGeneration(): Message {
  return message(MSG.GETGEN, 'unspecified', FLAG.ACK, [])
}

export function readGeneration(reply: Message): number {
  return uint32Of(findAttribute(fields(reply), 1)) ?? 0
}

export function readTableName(reply: Message): string {
  return readText(findAttribute(fields(reply), TABLE.NAME))
}

export function readChain(reply: Message): FoundChain {
  const attributes = fields(reply)
  const policy = uint32Of(findAttribute(attributes, CHAIN.POLICY))
  return {
    table: readText(findAttribute(attributes, CHAIN.TABLE)),
    name: readText(findAttribute(attributes, CHAIN.NAME)),
    policy: policy === undefined ? undefined : policy === 0 ? 'drop' : 'accept',
  }
}

export function readRule(reply: Message): FoundRule {
  const attributes = fields(reply)
  return {
    table: readText(findAttribute(attributes, RULE.TABLE)),
    chain: readText(findAttribute(attributes, RULE.CHAIN)),
    handle: uint64Of(findAttribute(attributes, RULE.HANDLE)) ?? 0n,
    comment: readComment(findAttribute(attributes, RULE.USERDATA)),
    expressions: findAttribute(attributes, RULE.EXPRESSIONS) ?? Buffer.alloc(0),
  }
}

export function readElements(reply: Message): FoundElement[] {
  const items = readAttributes(findAttribute(fields(reply), ELEMENTS.LIST) ?? Buffer.alloc(0))
  return items.flatMap((item) => {
    const attributes = readAttributes(item.value)
    const key = findAttribute(readAttributes(findAttribute(attributes, ELEMENT.KEY) ?? Buffer.alloc(0)), DATA_VALUE)
    if (key === undefined) return []
    return [{ key: Uint8Array.from(key), expiresMs: Number(uint64Of(findAttribute(attributes, ELEMENT.EXPIRATION)) ?? 0n) }]
  })
}

function newChain(family: FamilyName, table: string, chain: ChainSpec): Message {
  return message(MSG.NEWCHAIN, family, FLAG.CREATE, [
    textAttribute(CHAIN.TABLE, table),
    textAttribute(CHAIN.NAME, chain.name),
    nested(CHAIN.HOOK, bigUint32Attribute(CHAIN.HOOKNUM, HOOK[chain.hook]), bigUint32Attribute(CHAIN.PRIORITY, chain.priority)),
    textAttribute(CHAIN.TYPE, chain.type),
  ])
}

/** `id`: a number of its own within the transaction. */
function newSet(family: FamilyName, table: string, set: SetSpec, id: number): Message {
  return message(MSG.NEWSET, family, FLAG.CREATE, [
    textAttribute(SET.TABLE, table),
    textAttribute(SET.NAME, set.name),
    bigUint32Attribute(SET.FLAGS, SET_FLAGS),
    bigUint32Attribute(SET.KEY_TYPE, KEY_TYPE[set.keyBytes]),
    bigUint32Attribute(SET.KEY_LEN, set.keyBytes),
    bigUint32Attribute(SET.ID, id),
    nested(SET.DESC, bigUint32Attribute(SET.DESC_SIZE, SET_LIMIT)),
    bigUint64Attribute(SET.TIMEOUT, set.timeoutMs),
  ])
}

/** Elements that a set of ours can have: our own addresses, of which there are a few. */
const SET_LIMIT = 64

function elementsOf(table: string, set: string, keys: readonly Uint8Array[]): Buffer[] {
  return [
    textAttribute(ELEMENTS.TABLE, table),
    textAttribute(ELEMENTS.SET, set),
    nested(ELEMENTS.LIST, ...keys.map((key) => nested(LIST_ITEM, nested(ELEMENT.KEY, attribute(DATA_VALUE, key))))),
  ]
}

/** libnftnl's form of a comment: type 0, length, text with its final zero. */
function commentData(comment: string): Buffer {
  const text = Buffer.from(`${comment}\0`)
  if (text.length > COMMENT_LIMIT) throw new RangeError(`a rule's comment of ${text.length} octets; ${COMMENT_LIMIT} fit`)
  return Buffer.concat([Buffer.of(0, text.length), text])
}

function readComment(data: Buffer = Buffer.alloc(0)): string {
  for (let at = 0; at + 2 <= data.length; at += 2 + data[at + 1]!) {
    if (data[at] === 0) return readText(data.subarray(at + 2, at + 2 + data[at + 1]!))
  }
  return ''
}

function message(type: number, family: FamilyName, flags: number, attributes: readonly Buffer[]): Message {
  return { type: (SUBSYSTEM << 8) | type, flags, body: Buffer.concat([Buffer.of(FAMILY[family], 0, 0, 0), ...attributes]) }
}

function mark(type: number): Message {
  return { type, flags: 0, body: Buffer.of(0, 0, 0, SUBSYSTEM) }
}

/** Undefined for what is not there, or too short. */
function uint32Of(value: Buffer | undefined): number | undefined {
  return value === undefined || value.length < 4 ? undefined : value.readUInt32BE(0)
}

function uint64Of(value: Buffer | undefined): bigint | undefined {
  return value === undefined || value.length < 8 ? undefined : value.readBigUInt64BE(0)
}

/** What follows the header of four octets. */
function fields(reply: Message): ReturnType<typeof readAttributes> {
  return readAttributes(Buffer.from(reply.body).subarray(4))
}
