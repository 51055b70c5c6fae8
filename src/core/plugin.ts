import type { Directive, Key } from '../corefile/tree.ts'
import type { Table } from '../corefile/options.ts'
import type { Name } from '../wire/name.ts'
import type { Env } from './env.ts'
import type { Externals } from './externals.ts'
import type { Metrics } from './metrics.ts'
import type { Query } from './query.ts'
import type { QuickStage } from './quick.ts'
import type { BlockSettings } from './settings.ts'
import type { CachedAnswer, StageState } from './stage-state.ts'
import type { Facts, Trace } from './trace.ts'

/** What a stage says on the way down. */
export const NEXT = 0
/** The reply is settled: written by `begin` or `adopt`, or bare by `fail`. */
export const DONE = 1
/** No reply at all. */
export const DROP = 2
export type Verdict = typeof NEXT | typeof DONE | typeof DROP

/** One step of a chain, built once per server block and shared by every query in it. */
export interface Stage {
  /** The directive's name. */
  readonly name: string
  /** The way down. A number when the answer is known now, a promise only when it waits for the world. */
  query?(q: Query): Verdict | Promise<Verdict>
  /** The way up, if we said NEXT: observe or edit `q.reply` in place. Never waits. A bare rcode has `q.written` false. */
  reply?(q: Query): void
  /** False while we would answer wrongly, e.g. before the first sync. Asked by the `ready` directive of the same block. */
  ready?(): boolean
  /** What `/ready?verbose` says besides, such as that answers may be old. */
  readyDetail?(): string | undefined
  /** Resources up; awaited before the generation serves. A throw refuses the generation. */
  start?(): Promise<void>
  /** The listeners of this generation are up. */
  serving?(): void
  /** The process is about to end but still serves: wait here as long as clients need to notice. Not called on reload. */
  drain?(): Promise<void>
  /** Resources down; called once, after the last query of the generation. */
  stop?(): Promise<void>
  /** What `autopath @NAME` asks: the search list for this client, or undefined when it is not known. */
  searchPath?(q: Query): readonly Name[] | undefined
  /**
   * Calls `listener` with names whose answers may be others than before, until the result is called. Absolute, in lower case;
   * whatever is below such a name is meant too. For caches above that want to forget exactly those.
   */
  onChanged?(listener: (names: readonly Name[]) => void): () => void
  /** What the stage knows about a query that is about to come to it, for `explain`. Has no effect. */
  explain?(q: Query): Facts
  /** For the status page; one each where the directive stands several times. */
  states?(): readonly StageState[]
  /** Entries whose name contains the text, at most `limit`, for the status page. */
  findCached?(text: string, limit: number): readonly CachedAnswer[]
  /** The address of a pod, `NAMESPACE/NAME`, for `explain --client`. */
  podAddress?(namespace: string, name: string): string | undefined
  /** The pod that has an address, as `NAMESPACE/NAME`, for tables of clients. */
  podAt?(address: string): string | undefined
  /** What `k8s_external` asks of the stage that knows a cluster. */
  readonly externals?: Externals
  /** A trace for a query that is about to come to the block, for `trace`; undefined for none. */
  watch?(q: Query): Trace | undefined
  /** False: this block is not for the query, and the server goes on to the next one that could be (`view`). */
  accepts?(q: Query): boolean
  /** What the stage knows of a query as the client asked it; undefined for labels that are not its own. See `Metadata`. */
  metadata?(label: string, q: Query): string | undefined
  /** The way from octets to octets beside the one above. Without it every query is asked in full. */
  readonly quick?: QuickStage
}

/** What a directive's text knows about its surroundings. */
export interface ParseContext {
  /** The block's zones, lower-cased and absolute: the default of every ZONES argument. */
  readonly zones: readonly Name[]
  readonly keys: readonly Key[]
  /** All of the block's, for what one directive must know of others. */
  readonly directives: readonly Directive[]
}

/** What a directive makes of its text. */
export interface Setup {
  /** What the block's listeners and lifetime take from it. */
  readonly settings?: Partial<BlockSettings>
  /** The step in the chain; directives that only configure have none. */
  readonly build?: (env: Env) => Stage
}

/** What a folder in src/plugins exports: text becomes options, options become a stage. */
export interface Plugin {
  /** Corefile directive = folder = metric subsystem = log prefix: one word for all four. */
  readonly name: string
  /** The properties of its block, as the manual page lists them. */
  readonly options?: Table
  /** Words of the directive that decide what is answered; default: all. A cache above outlives a reload that changes others. */
  answersBy?(directive: Directive): readonly unknown[]
  /** Makes the series without labels, which exist from the start of the process whether or not a block has the directive. */
  series?(metrics: Metrics): void
  /** Pure. Throws ConfigError, which knows file, line and column. */
  parse(directive: Directive, context: ParseContext): Setup
}

/** A typed place in `q.notes` for what a stage must remember between `query` and `reply`. One per stage, from `env.slot()`. */
export class Slot<T> {
  readonly #index: number

  constructor(index: number) {
    this.#index = index
  }

  get(q: Query): T | undefined {
    return q.notes[this.#index] as T | undefined
  }

  set(q: Query, value: T | undefined): void {
    q.notes[this.#index] = value
  }
}
