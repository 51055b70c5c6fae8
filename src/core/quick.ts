import type { DONE, NEXT } from './plugin.ts'
import type { Query } from './query.ts'
import type { QuickQuestion } from './quick-question.ts'
import type { QuickReply } from './quick-reply.ts'
import type { Attempt } from './trace.ts'

/** This query needs the chain's ordinary way, with a `Query` and its messages. Nothing must have happened yet. */
export const IN_FULL = 3
/** Answered from octets, but not now: somebody else has to be asked first, which `begin` does. */
export const LATER = 4
export type QuickVerdict = typeof NEXT | typeof DONE | typeof IN_FULL | typeof LATER
/** What the quick way through a chain comes to. */
export type QuickOutcome = typeof DONE | typeof IN_FULL | typeof LATER

/**
 * The way through a stage from octets to octets, without an object or a string per query. A stage may have it beside its ordinary
 * way, and both must give the same reply, logs and numbers. The quick way is taken as long as every stage on it can go along; at the
 * first that cannot, the query starts anew on the ordinary way. Hence the rule: `query` decides and has no effect, what happens because
 * of a query happens in `reply`, which is called only when the reply is certain to go out.
 *
 * Everything is synchronous and one query at a time is on its way, so that a stage may keep in a field of its own what `reply` needs
 * to know of `query`.
 *
 * A stage that has to wait says LATER. The query's octets are put aside, `begin` asks, and when the answer is there the query goes the
 * way down once more (`question.resumed`) to that stage, where the answer writes the reply; then up. So nothing but octets waits.
 */
export interface QuickStage {
  /** The way down. DONE: the reply is written. Absent: NEXT. */
  query?(question: QuickQuestion, reply: QuickReply): QuickVerdict
  /** The way up, for the stage that said DONE first and then for those above it. */
  reply?(question: QuickQuestion, reply: QuickReply): void
  /** After LATER: asks. `waiting` hears the answer once, maybe before this returns; the question is not there any more by then. */
  begin?(question: QuickQuestion, waiting: Waiting): void
  /** The stage must see what takes time on the ordinary way: below it there is no LATER. */
  readonly onlyNow?: boolean
  /**
   * For stages above `cache`: what packet workers, which answer from the packet cache without this thread, do in this stage's place;
   * `{}` for nothing. Absent: the stage must see every query, and its block is not served by the packet cache.
   */
  readonly byWorkers?: WorkerDuty
}

/** A query that waits. */
export interface Waiting {
  ready(brought: Brought): void
}

/** What a stage has found out for a query that waited. Good during the call of `ready` only. */
export interface Brought {
  /** What upstreams were asked, in order. */
  readonly attempts: readonly Attempt[]
  /** Writes the reply. False: it is none of the common ones, and the ordinary way has to. */
  write(question: QuickQuestion, reply: QuickReply): boolean
  /** Gives it to the same stage on the ordinary way, so that nobody is asked twice. */
  handOver(q: Query): void
}

export interface WorkerDuty {
  /** Addresses change places from reply to reply. */
  readonly shuffles?: boolean
  /** The UDP size that counts is at most this. */
  readonly udpSizeLimit?: number
  /** The stage answers from a store (`reply.kept`): below it nothing sees a query that workers answer. */
  readonly keeps?: boolean
  /** Takes what packet workers have counted since the last time, for one listener group and zone of the block. */
  count?(tally: Tally): void
}

/** What a store knows about a reply that it answered with, so that the packet cache can go on answering with it. */
export interface Kept {
  /** Milliseconds of the clock from which on the store wants to see the query itself. */
  readonly untilMs: number
  readonly storedMs: number
  /** What TTLs were when it was stored, from which they count down; -1 when they stay as they are. */
  readonly ttl: number
  /** AD for those who ask for it. */
  readonly authentic: boolean
  /** It says that there is nothing. */
  readonly denial: boolean
  /** Milliseconds without a hit after which `streak` begins anew; 0 when nobody asks for it. */
  readonly pauseMs: number
  /** Where the packet cache has it; the packet cache's own. */
  readonly places: number[]
}

/** The packet cache, as the stores see it that it answers for. */
export interface PacketCache {
  /** From now on nothing is answered with it. */
  drop(kept: Kept): void
  /** Answers given with it since it is in the packet cache; a number that only grows, and begins anew when it leaves and comes back. */
  hits(kept: Kept): number
  /** Takes the answers since the last pause, or since this was last asked; undefined when there were none. */
  takeStreak(kept: Kept): Streak | undefined
}

/** Answers of the packet cache with one reply. */
export interface Streak {
  readonly hits: number
  readonly lastMs: number
  /** There was a pause before the first of them. */
  readonly anew: boolean
}

/** Where nothing answers for the stores. */
export const NO_PACKET_CACHE: PacketCache = { drop: () => undefined, hits: () => 0, takeStreak: () => undefined }

/** What packet workers did for one listener group and zone. Arrays are the reader's for the time of the call. */
export interface Tally {
  /** The `server` label. */
  readonly server: string
  /** The block's zone, as `matchZone` gives it. */
  readonly zone: string
  /** By family (0: IPv4, 1: IPv6), then by place in `COUNTED_TYPES`, the last one for all others. */
  readonly requests: readonly ArrayLike<number>[]
  /** By rcode, 0 to 15. */
  readonly replies: ArrayLike<number>
  readonly dnssecOk: number
  /** Seconds. */
  readonly durations: Spread
  readonly requestSizes: Spread
  readonly replySizes: Spread
  /** Answers from entries with what was asked for, and from entries that say there is nothing. */
  readonly successHits: number
  readonly denialHits: number
}

/** Observations of a histogram, by bucket; the last one is for what is beyond all bounds. */
export interface Spread {
  readonly counts: ArrayLike<number>
  readonly sum: number
}
