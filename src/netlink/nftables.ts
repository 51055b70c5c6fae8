import {
  deleteElements, deleteRule, deleteTable, getGeneration, list, MSG, newElements, newRule, newTable, readChain, readElements, readGeneration, readRule, readTableName, tableContents, transaction,
  type FamilyName, type FoundChain, type FoundElement, type FoundRule, type RuleSpec, type TableSpec,
} from './nft-messages.ts'
import { NetlinkError, NetlinkSocket, PROTOCOL, type Message } from './socket.ts'
import { WritePace } from './write-pace.ts'

/** Where a rule stands. */
export interface ChainPlace {
  readonly family: FamilyName
  readonly table: string
  readonly chain: string
}

/** Tables, chains, sets and rules over one netlink socket. All methods reject with NetlinkError. */
export class Nftables {
  readonly #socket = new NetlinkSocket(PROTOCOL.NETFILTER)
  readonly #pace: WritePace

  /** `pace`: that of all sockets through which this process writes. */
  constructor(pace = new WritePace()) {
    this.#pace = pace
  }

  /** Tables that this socket owns vanish with it. */
  close(): void {
    this.#socket.close()
  }

  /**
   * Makes the table exactly what the specification says, in one step: nobody sees it half made. `owned`: the table belongs to this
   * socket and the kernel removes it with the socket (Linux 5.12).
   */
  replaceTable(table: TableSpec, options: { readonly owned: boolean }): Promise<void> {
    const create = newTable(table.family, table.name, options.owned)
    // Adding first makes the deletion valid when there is no such table yet.
    return this.#write(`replace table ${table.family} ${table.name}`, [create, deleteTable(table.family, table.name), create, ...tableContents(table)])
  }

  /** One that is not there is no error. */
  deleteTable(family: FamilyName, name: string): Promise<void> {
    return unless('ENOENT', this.#write(`delete table ${family} ${name}`, [deleteTable(family, name)]))
  }

  /** At the heads of chains, which may be somebody else's: all in one step, or none. */
  insertRules(rules: readonly (ChainPlace & { readonly rule: RuleSpec })[]): Promise<void> {
    return this.#write('insert rules', rules.map(({ family, table, chain, rule }) => newRule(family, table, chain, rule, 'head')))
  }

  /** In one step. Where one of them is gone already, those that are left go one by one. */
  async deleteRules(rules: readonly (ChainPlace & { readonly handle: bigint })[]): Promise<void> {
    const messages = rules.map(({ family, table, chain, handle }) => deleteRule(family, table, chain, handle))
    try {
      await this.#write('delete rules', messages)
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
      for (const message of messages) await unless('ENOENT', this.#write('delete a rule', [message]))
    }
  }

  /** Gives elements of sets with a timeout their whole time again. */
  async renewElements(family: FamilyName, table: string, sets: readonly { readonly set: string; readonly keys: readonly Uint8Array[] }[]): Promise<void> {
    const what = `renew what ${table} holds for a time`
    const add = sets.map(({ set, keys }) => newElements(family, table, set, keys))
    try {
      // Adding again does not refresh what is there: only Linux 6.12 can be asked for that.
      await this.#write(what, [...sets.map(({ set, keys }) => deleteElements(family, table, set, keys)), ...add])
    } catch (error) {
      // The batch fails whole when one of them has expired.
      if (!hasCode(error, 'ENOENT')) throw error
      await this.#write(what, add)
    }
  }

  /** Names of all tables of a family. */
  async tables(family: FamilyName): Promise<string[]> {
    return (await this.#socket.request('list tables', list(MSG.GETTABLE, family))).map(readTableName)
  }

  /** Chains of a table; empty when there is no such table. */
  async chains(family: FamilyName, table: string): Promise<FoundChain[]> {
    return (await this.#socket.request('list chains', list(MSG.GETCHAIN, family))).map(readChain).filter((chain) => chain.table === table)
  }

  /** Rules of a table, or of one of its chains, in their order. Empty when there is no such table. */
  async rules(family: FamilyName, table: string, chain?: string): Promise<FoundRule[]> {
    const replies = await this.#socket.request(`list rules of ${table}`, list(MSG.GETRULE, family, table, chain))
    // Older kernels give all rules of the family.
    return replies.map(readRule).filter((rule) => rule.table === table && (chain === undefined || rule.chain === chain))
  }

  /** Elements of a set, expired ones left out. Empty when there is no such set. */
  async elements(family: FamilyName, table: string, set: string): Promise<FoundElement[]> {
    try {
      return (await this.#socket.request(`list ${set} of ${table}`, list(MSG.GETSETELEM, family, table, set))).flatMap(readElements)
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
      return []
    }
  }

  /** Changes with every change of any table: cheap to compare, where a subscription would bring all that kube-proxy writes. */
  async generation(): Promise<number> {
    const [reply] = await this.#socket.request('read the generation', getGeneration())
    return reply === undefined ? 0 : readGeneration(reply)
  }

  async #write(what: string, messages: readonly Message[]): Promise<void> {
    if (messages.length > 0) await this.#pace.run(async () => { await this.#socket.batch(what, transaction(messages)) })
  }
}

/** True for a refusal of the kernel with this code. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof NetlinkError && codes.includes(error.code)
}

async function unless(harmless: string, work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!hasCode(error, harmless)) throw error
  }
}
