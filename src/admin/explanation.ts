import type { TraceLog } from '../core/trace.ts'

/** A question to explain. */
export interface ExplainRequest {
  readonly name: string
  readonly type: string
  /** An IP address, or a pod as `NAME` or `NAMESPACE/NAME`. */
  readonly client: string
  readonly protocol: 'udp' | 'tcp'
  readonly dnssec: boolean
  /** `server` label of the listener that the question comes to; '' for the first. */
  readonly server: string
}

/** What happened to it. */
export interface Explanation extends TraceLog {
  readonly client: string
  readonly server: string
  readonly protocol: string
  readonly tookMs: number
  /** The stage that ended the way down; '' for none. */
  readonly answeredBy: string
  readonly dropped: boolean
  readonly error: string
  /** '' when the query was dropped. */
  readonly rcode: string
  readonly flags: readonly string[]
  /** Records in presentation format. */
  readonly answers: readonly string[]
  readonly authorities: readonly string[]
  readonly additionals: readonly string[]
  /** Octets of the reply as its client gets it. */
  readonly sizeBytes: number
}
