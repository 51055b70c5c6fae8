import type { UpstreamError } from './failure.ts'
import type { Request } from './request.ts'

/** Who wants to know what became of a question. Exactly one of these is called, unless the exchange is given up. */
export interface Asker {
  /** The octets of a reply with the right id. Good only during the call: they may share memory with what comes next. */
  answered(reply: Uint8Array, exchange: Exchange): void
  failed(error: UpstreamError, exchange: Exchange): void
}

/** A socket or connection that carries questions. */
export interface Carrier {
  /** When it last brought a reply; below any time before the first. */
  readonly heardMs: number
  /** No answer is wanted any more. `silent`: none came for so long that the peer may be gone. */
  forget(exchange: Exchange, silent: boolean): void
  /** Takes no further questions before it has spoken again. */
  doubt(): void
  /** For errors: `127.0.0.1:40000->192.0.2.1:53`. */
  readonly path: string
}

/** One question that has been sent, from its sending to its end. */
export class Exchange {
  readonly request: Request
  readonly asker: Asker
  readonly sentMs: number
  /** Set by the carrier. */
  id = 0
  carrier: Carrier | undefined
  /** Over a socket or connection that was open already. */
  reused = false
  /** Answers with the right id and a wrong question. */
  mismatches = 0

  constructor(request: Request, asker: Asker, sentMs: number) {
    this.request = request
    this.asker = asker
    this.sentMs = sentMs
  }

  /** Nothing at all has come from the peer since the question was sent. */
  get silent(): boolean {
    return this.carrier === undefined || this.carrier.heardMs <= this.sentMs
  }
}
