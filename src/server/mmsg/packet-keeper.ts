import type { Log } from '../../base/log.ts'
import type { Block } from '../../core/build.ts'
import type { Kept, Streak, WorkerDuty } from '../../core/quick.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { QuickZones } from '../../core/quick-zones.ts'
import type { Group } from '../group.ts'
import type { KeepsPackets } from '../udp-engine.ts'
import type { PacketStore, Site } from './packet-store.ts'
import { readTally, ROWS_LIMIT, TALLY_NUMBERS, type TallyMemory } from './tally-memory.ts'

/** A row of counters and who takes its numbers. */
interface Row {
  readonly key: string
  /** Groups that it is used for; without one it is free. */
  readonly scopes: Set<number>
  readonly server: string
  readonly zone: string
  duties: readonly WorkerDuty[]
  readonly taken: Float64Array
}

/** Puts replies into the packet cache for those blocks that allow it, and gives the stages what workers have counted for them. */
export class PacketKeeper implements KeepsPackets {
  readonly #store: PacketStore
  readonly #tallies: readonly TallyMemory[]
  readonly #log: Log
  /** By server label, block and zone, so that a reload goes on with the rows that it still needs. */
  readonly #rows = new Map<string, number>()
  readonly #owners: Row[] = []
  readonly #sites = new WeakMap<Group, WeakMap<Block, Map<string, Site | undefined>>>()
  readonly #zones = new WeakMap<Block, QuickZones<string>>()

  constructor(store: PacketStore, tallies: readonly TallyMemory[], log: Log) {
    this.#store = store
    this.#tallies = tallies
    this.#log = log
  }

  keep(question: QuickQuestion, reply: QuickReply, group: Group, block: Block): void {
    const site = this.#siteOf(question, reply.answeredAt, group, block)
    if (site !== undefined) this.#store.put(question, reply, reply.kept!, site)
  }

  drop(kept: Kept): void {
    this.#store.drop(kept)
  }

  hits(kept: Kept): number {
    return this.#store.hits(kept)
  }

  takeStreak(kept: Kept): Streak | undefined {
    return this.#store.takeStreak(kept)
  }

  /** Gives every stage what has been counted since the last time. */
  count(): void {
    this.#owners.forEach((_, row) => this.#countRow(row))
  }

  retire(scopes: readonly number[]): void {
    this.#owners.forEach((owner, row) => {
      for (const scope of scopes) owner.scopes.delete(scope)
      if (owner.scopes.size > 0 || owner.duties.length === 0) return
      this.#countRow(row)
      owner.duties = []
    })
  }

  #countRow(row: number): void {
    const owner = this.#owners[row]!
    const now = new Float64Array(TALLY_NUMBERS)
    for (const tallies of this.#tallies) tallies.addTo(now, row)
    const since = now.map((value, i) => value - owner.taken[i]!)
    owner.taken.set(now)
    if (since.every((value) => value === 0)) return
    const tally = readTally(since, owner.server, owner.zone)
    for (const duty of owner.duties) duty.count?.(tally)
  }

  #siteOf(question: QuickQuestion, answeredAt: number, group: Group, block: Block): Site | undefined {
    const zones = this.#zones.get(block) ?? new QuickZones(block.zones.map((zone) => [zone, zone]))
    this.#zones.set(block, zones)
    const zone = zones.match(question) ?? '.'
    const ofGroup = this.#sites.get(group) ?? new WeakMap<Block, Map<string, Site | undefined>>()
    this.#sites.set(group, ofGroup)
    const ofBlock = ofGroup.get(block) ?? new Map<string, Site | undefined>()
    ofGroup.set(block, ofBlock)
    const key = `${answeredAt} ${zone}`
    if (!ofBlock.has(key)) ofBlock.set(key, this.#makeSite(answeredAt, zone, group, block))
    return ofBlock.get(key)
  }

  #makeSite(answeredAt: number, zone: string, group: Group, block: Block): Site | undefined {
    const way = block.chain.stages.slice(0, answeredAt + 1).map((stage) => stage.quick?.byWorkers)
    if (!way.every((duty) => duty !== undefined)) return undefined
    // A store above the one that answered has let the query pass uncounted.
    const duties = way.filter((duty, i) => i === answeredAt || duty.keeps !== true)
    const row = this.#rowOf(`${group.label} ${block.keys.map((key) => key.text).join(' ')} ${answeredAt} ${zone}`, group, zone, duties)
    if (row === undefined) return undefined
    return {
      scope: group.scope,
      row,
      shuffles: duties.some((duty) => duty.shuffles === true),
      udpSizeLimit: Math.min(0xffff, ...duties.map((duty) => duty.udpSizeLimit ?? 0xffff)),
    }
  }

  #rowOf(key: string, { label: server, scope }: Group, zone: string, duties: readonly WorkerDuty[]): number | undefined {
    const known = this.#rows.get(key)
    if (known !== undefined) {
      this.#countRow(known)
      this.#owners[known]!.duties = duties
      this.#owners[known]!.scopes.add(scope)
      return known
    }
    const row = this.#freeRow()
    if (row === undefined) {
      this.#log.warning(`${server} ${zone}: not served by the packet cache; it has counters for ${ROWS_LIMIT} zones`)
      return undefined
    }
    // Numbers of a row only grow: what was taken from it before stays taken.
    const taken = this.#owners[row]?.taken ?? new Float64Array(TALLY_NUMBERS)
    this.#rows.delete(this.#owners[row]?.key ?? '')
    this.#rows.set(key, row)
    this.#owners[row] = { key, scopes: new Set([scope]), server, zone, duties, taken }
    return row
  }

  /** One that was never used, or whose groups are gone. */
  #freeRow(): number | undefined {
    if (this.#owners.length < ROWS_LIMIT) return this.#owners.length
    const free = this.#owners.findIndex((owner) => owner.scopes.size === 0)
    return free < 0 ? undefined : free
  }
}
