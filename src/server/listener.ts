import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Timeouts } from '../core/settings.ts'
import type { Admission } from './admission.ts'
import type { Group } from './group.ts'
import type { ServerTls } from './server-tls.ts'
import type { SocketMark } from './socket-mark.ts'

/** A socket that takes queries for a group. The group can change under it at a reload; the socket stays. */
export interface Listener {
  /** As bound: `0.0.0.0` and `::` are wildcards. */
  readonly address: string
  readonly port: number
  /** The target has another group now. */
  retargeted?(): void
  /** Ends what is open in order, while new queries still come: before rules send them elsewhere. Never rejects. */
  release?(graceMs: number): Promise<void>
  /** Nobody else is about to leave the port. */
  alone?(): void
  /** Takes no new queries, answers those under way (for at most `graceMs`), then closes. Never rejects. */
  drain(graceMs: number): Promise<void>
}

/** What a listener works for, read anew for every query. */
export interface Target {
  group: Group
  timeouts: Timeouts
  /** For listeners that speak TLS. */
  tls?: ServerTls | undefined
  /** For listeners that speak HTTP: connections at once, 0 for no limit. */
  httpsConnections?: number
}

export interface ListenerWorld {
  readonly log: Log
  readonly clock: Clock
  readonly admission: Admission
  readonly socketMark: SocketMark
}
