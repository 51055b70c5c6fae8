/**
 * What the agent has in the kernel, and what becomes of it. docs/node-state.md is this table for people; `NodeNetwork` applies it, and
 * the tests in namespaces walk its cells.
 */

export const HAPPENINGS = ['start', 'ready', 'hung', 'SIGTERM', 'SIGKILL', 'cleanup', 'flushed by others'] as const
export type Happening = (typeof HAPPENINGS)[number]

/** What a happening does to a thing. */
export const FATES = {
  '-': { there: false, text: 'not there yet, or no more' },
  made: { there: true, text: 'the agent makes it' },
  kept: { there: true, text: 'goes on as it is' },
  lapses: { there: false, text: 'runs out by itself, since nobody renews it' },
  withdrawn: { there: false, text: 'the agent takes it away, while it still answers what has arrived: before it leaves, or because another one on its port hangs' },
  removed: { there: false, text: 'the agent, or `hearth-node cleanup`, takes it away' },
  vanishes: { there: false, text: 'the kernel takes it away with the process' },
  stays: { there: true, text: 'stays for the time without an agent' },
  repaired: { there: true, text: 'the agent puts it back within a second' },
  refused: { there: true, text: '`hearth-node cleanup` refuses while an agent lives, and names its pid' },
} as const
export type Fate = keyof typeof FATES

export const SUBJECTS = ['VIP', 'link-local'] as const
export type Subject = (typeof SUBJECTS)[number]

/** Alone on the node, or beside another agent that is well. */
type Cell = Fate | { readonly alone: Fate; readonly twin: Fate }

export interface Row {
  readonly thing: Thing
  readonly subjects: readonly Subject[]
  /** Each agent has one of its own: it ends its own also while the other's is kept. */
  readonly perInstance: boolean
  readonly where: string
  readonly madeBy: string
  readonly renewedBy: string
  readonly endedBy: string
  readonly fates: Readonly<Record<Happening, Cell>>
}

export type Thing =
  | 'presence' | 'address' | 'sockets' | 'answers untracked' | 'queries untracked' | 'lease' | 'fallback' | 'masquerade' | 'accept rules'

const BOTH = SUBJECTS
/** A twin that is well renews it; the last one ends it. */
const shared = (alone: Fate): Cell => ({ alone, twin: 'kept' })

/** In the order in which they are made; they end in the opposite order. */
export const STATE: readonly Row[] = [
  {
    thing: 'presence', subjects: BOTH, perInstance: true,
    where: 'abstract unix socket `@hearth-node/…`, one an agent',
    madeBy: 'the agent, before anything else', renewedBy: 'nobody: it is the process', endedBy: 'the end of the process',
    fates: { start: 'made', ready: 'kept', hung: 'kept', SIGTERM: shared('removed'), SIGKILL: shared('vanishes'), cleanup: shared('-'), 'flushed by others': 'kept' },
  },
  {
    thing: 'address', subjects: BOTH, perInstance: false,
    where: '`lo`, or the link of `-interfacename`, with a lifetime of 60 s',
    madeBy: 'the agent', renewedBy: 'every agent, each 15 s', endedBy: 'the last agent that leaves, or its lifetime',
    fates: { start: 'made', ready: 'kept', hung: shared('lapses'), SIGTERM: shared('removed'), SIGKILL: shared('lapses'), cleanup: { alone: 'removed', twin: 'refused' }, 'flushed by others': 'repaired' },
  },
  {
    thing: 'sockets', subjects: BOTH, perInstance: true,
    where: 'UDP and TCP port 53 with SO_REUSEPORT and the mark of the instance',
    madeBy: 'the server', renewedBy: 'nobody: it is the process', endedBy: 'the server, when what is queued has been answered',
    fates: { start: 'made', ready: 'kept', hung: 'kept', SIGTERM: shared('removed'), SIGKILL: shared('vanishes'), cleanup: shared('-'), 'flushed by others': 'kept' },
  },
  {
    thing: 'accept rules', subjects: BOTH, perInstance: false,
    where: 'chains INPUT and OUTPUT of `ip filter` and `ip6 filter`, where they exist and do not accept (`--accept-rules`)',
    madeBy: 'the agent, when it answers: what is untracked must not be dropped', renewedBy: 'nobody', endedBy: 'the last agent that leaves, or `hearth-node cleanup`',
    fates: { start: '-', ready: 'made', hung: 'stays', SIGTERM: shared('removed'), SIGKILL: 'stays', cleanup: { alone: 'removed', twin: 'refused' }, 'flushed by others': 'repaired' },
  },
  {
    thing: 'answers untracked', subjects: BOTH, perInstance: true,
    where: 'table `inet hearth-ID`, which belongs to a netlink socket of the agent',
    madeBy: 'the agent, when it answers', renewedBy: 'nobody', endedBy: 'the agent after its last answer, or the kernel with the process',
    fates: { start: '-', ready: 'made', hung: 'kept', SIGTERM: shared('removed'), SIGKILL: shared('vanishes'), cleanup: shared('-'), 'flushed by others': 'kept' },
  },
  {
    thing: 'queries untracked', subjects: BOTH, perInstance: true,
    where: 'the same table; matches only while the lease lasts',
    madeBy: 'the agent, when it answers', renewedBy: 'the lease', endedBy: 'the agent before it stops answering, or when its probes are not answered; the kernel with the process',
    fates: { start: '-', ready: 'made', hung: { alone: 'lapses', twin: 'withdrawn' }, SIGTERM: shared('withdrawn'), SIGKILL: shared('vanishes'), cleanup: shared('-'), 'flushed by others': 'kept' },
  },
  {
    thing: 'lease', subjects: BOTH, perInstance: true,
    where: 'sets `lease4` and `lease6` of the same table: addresses, each for 2 s',
    madeBy: 'the agent, with the table', renewedBy: 'every answer of this very agent over UDP, by its mark; its probes in quiet times', endedBy: '2 s without an answer',
    fates: { start: '-', ready: 'made', hung: { alone: 'lapses', twin: 'kept' }, SIGTERM: shared('withdrawn'), SIGKILL: shared('vanishes'), cleanup: shared('-'), 'flushed by others': 'kept' },
  },
  {
    thing: 'fallback', subjects: BOTH, perInstance: false,
    where: 'tables `ip hearth-fallback` and `ip6 hearth-fallback`: translation after kube-proxy\'s own, never reached while queries are untracked',
    madeBy: 'the agent, as soon as it knows where to', renewedBy: 'the agent, when the endpoints change', endedBy: '`hearth-node cleanup`',
    fates: { start: '-', ready: 'made', hung: 'stays', SIGTERM: 'stays', SIGKILL: 'stays', cleanup: { alone: 'removed', twin: 'refused' }, 'flushed by others': 'repaired' },
  },
  {
    thing: 'masquerade', subjects: BOTH, perInstance: false,
    where: 'the same tables: what leaves the node with one of our addresses gets the node\'s own',
    madeBy: 'the agent, when it answers', renewedBy: 'nobody', endedBy: '`hearth-node cleanup`',
    fates: { start: '-', ready: 'made', hung: 'stays', SIGTERM: 'stays', SIGKILL: 'stays', cleanup: { alone: 'removed', twin: 'refused' }, 'flushed by others': 'repaired' },
  },
]

/** What a happening does to a thing. */
export function fateOf(row: Row, happening: Happening, twin: boolean): Fate {
  const cell = row.fates[happening]
  if (typeof cell === 'string') return cell
  return twin ? cell.twin : cell.alone
}

/** What an agent has to do: things with this fate, in the order of making, or backwards when they end. */
export function thingsThat(happening: Happening, twin: boolean, fate: Fate): Thing[] {
  const things = STATE.filter((row) => fateOf(row, happening, twin && !row.perInstance) === fate).map((row) => row.thing)
  return FATES[fate].there ? things : things.reverse()
}
