import { attribute, bigUint32Attribute, findAttribute, nested, readAttributes, readText, textAttribute } from './attributes.ts'
import type { Expression } from './expressions.ts'
import { FLAG, NetlinkError, NetlinkSocket, PROTOCOL, type Message } from './socket.ts'

/** Tables, chains and rules over netlink (linux/netfilter/nf_tables.h). */

const SUBSYSTEM = 10
const MSG = { NEWTABLE: 0, GETTABLE: 1, DELTABLE: 2, NEWCHAIN: 3, NEWRULE: 6, GETRULE: 7 } as const
const BATCH = { BEGIN: 0x10, END: 0x11 } as const
const TABLE = { NAME: 1, FLAGS: 2 } as const
const CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, TYPE: 7, HOOKNUM: 1, PRIORITY: 2 } as const
const RULE = { TABLE: 1, CHAIN: 2, EXPRESSIONS: 4, USERDATA: 7 } as const
const OWNER_FLAG = 2
/** The kernel's limit, its final zero included. */
const COMMENT_LIMIT = 127
export const FAMILY = { inet: 1, ip: 2, ip6: 10 } as const
export type FamilyName = keyof typeof FAMILY
export const HOOK = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const

/** A table with all that is in it, as it should be. */
export interface TableSpec {
  readonly family: FamilyName
  readonly name: string
  readonly chains: readonly ChainSpec[]
}

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
  readonly chain: string
  readonly comment: string
}

export class Nftables {
  readonly #socket: NetlinkSocket

  constructor() {
    this.#socket = new NetlinkSocket(PROTOCOL.NETFILTER)
  }

  /** Tables that this socket owns vanish with it. */
  close(): void {
    this.#socket.close()
  }

  /**
   * Makes the table exactly what the specification says, in one step: nobody sees it half made. `owned`: the table belongs to this
   * socket and the kernel removes it with the socket (Linux 5.12). Rejects with NetlinkError.
   */
  async replaceTable(table: TableSpec, options: { readonly owned: boolean }): Promise<void> {
    const family = FAMILY[table.family]
    const flags = options.owned ? [bigUint32Attribute(TABLE.FLAGS, OWNER_FLAG)] : []
    const create = message(MSG.NEWTABLE, family, FLAG.CREATE, [textAttribute(TABLE.NAME, table.name), ...flags])
    // Adding first makes the deletion valid when there is no such table yet.
    const messages = [create, message(MSG.DELTABLE, family, 0, [textAttribute(TABLE.NAME, table.name)]), create]
    for (const chain of table.chains) messages.push(newChain(family, table.name, chain), ...chain.rules.map((rule) => newRule(family, table.name, chain.name, rule)))
    await this.#commit(`replace table ${table.family} ${table.name}`, messages)
  }

  /** One that is not there is no error. */
  async deleteTable(family: FamilyName, name: string): Promise<void> {
    try {
      await this.#commit(`delete table ${family} ${name}`, [message(MSG.DELTABLE, FAMILY[family], 0, [textAttribute(TABLE.NAME, name)])])
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'ENOENT') throw error
    }
  }

  /** Names of all tables of a family. */
  async tables(family: FamilyName): Promise<string[]> {
    const replies = await this.#socket.request('list tables', message(MSG.GETTABLE, FAMILY[family], FLAG.DUMP, []))
    return replies.map((reply) => readText(findAttribute(readAttributes(Buffer.from(reply.body).subarray(4)), TABLE.NAME)))
  }

  /** Rules of a table in their order, chain after chain. Empty when there is no such table. */
  async rules(family: FamilyName, table: string): Promise<FoundRule[]> {
    const replies = await this.#socket.request(`list rules of ${table}`, message(MSG.GETRULE, FAMILY[family], FLAG.DUMP, [textAttribute(RULE.TABLE, table)]))
    return replies.map((reply) => readAttributes(Buffer.from(reply.body).subarray(4)))
      .filter((attributes) => readText(findAttribute(attributes, RULE.TABLE)) === table)
      .map((attributes) => ({ chain: readText(findAttribute(attributes, RULE.CHAIN)), comment: readComment(findAttribute(attributes, RULE.USERDATA)) }))
  }

  async #commit(what: string, messages: readonly Message[]): Promise<void> {
    await this.#socket.batch(what, [batchMark(BATCH.BEGIN), ...messages.map((each) => ({ ...each, flags: each.flags | FLAG.ACK })), batchMark(BATCH.END)])
  }
}

function newChain(family: number, table: string, chain: ChainSpec): Message {
  return message(MSG.NEWCHAIN, family, FLAG.CREATE, [
    textAttribute(CHAIN.TABLE, table),
    textAttribute(CHAIN.NAME, chain.name),
    nested(CHAIN.HOOK, bigUint32Attribute(CHAIN.HOOKNUM, HOOK[chain.hook]), bigUint32Attribute(CHAIN.PRIORITY, chain.priority)),
    textAttribute(CHAIN.TYPE, chain.type),
  ])
}

function newRule(family: number, table: string, chain: string, rule: RuleSpec): Message {
  return message(MSG.NEWRULE, family, FLAG.CREATE | FLAG.APPEND, [
    textAttribute(RULE.TABLE, table),
    textAttribute(RULE.CHAIN, chain),
    nested(RULE.EXPRESSIONS, ...rule.expressions),
    attribute(RULE.USERDATA, commentData(rule.comment)),
  ])
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

function message(type: number, family: number, flags: number, attributes: readonly Buffer[]): Message {
  return { type: (SUBSYSTEM << 8) | type, flags, body: Buffer.concat([Buffer.of(family, 0, 0, 0), ...attributes]) }
}

function batchMark(type: number): Message {
  return { type, flags: 0, body: Buffer.of(0, 0, 0, SUBSYSTEM) }
}
