import { EDE, type ExtendedError } from '../wire/edns.ts'

/** Why an exchange with an upstream came to nothing. The message reads like Go's network errors, which operators search for. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  readonly kind: FailureKind
  /** Answers came that did not match the question: someone guesses, so the next try should not use UDP. */
  readonly spoofed: boolean

  constructor(kind: FailureKind, text: string, spoofed = false) {
    super(text)
    this.kind = kind
    this.spoofed = spoofed
  }
}

export type FailureKind =
  | 'dial'
  | 'timeout'
  /** Nobody listens there. */
  | 'refused'
  /** The peer closed a connection that had served before; asking again on a new one is free. */
  | 'stale'
  | 'closed'
  | 'full'

/** What clients are told of a failure (RFC 8914 4.23, 4.24): nobody answered, or the network would not have it. */
export function extendedErrorOf(error: Error): ExtendedError {
  const network = error instanceof UpstreamError && (error.kind === 'dial' || error.kind === 'refused' || error.kind === 'closed')
  return { code: network ? EDE.NETWORK_ERROR : EDE.NO_REACHABLE_AUTHORITY, text: error.message }
}

/** The system's error in the words of Go. */
export function causeText(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ECONNREFUSED') return 'connection refused'
  if (code === 'ENETUNREACH') return 'network is unreachable'
  if (code === 'EHOSTUNREACH') return 'no route to host'
  if (code === 'ECONNRESET') return 'connection reset by peer'
  if (code === 'ETIMEDOUT') return 'i/o timeout'
  return error instanceof Error ? error.message : String(error)
}
