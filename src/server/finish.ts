import { EDNS, extendedErrorOption } from '../wire/edns.ts'
import { fitReply } from '../wire/encode.ts'
import { mirrorOpt, replyLimit } from '../core/mirror-opt.ts'
import { replyTo, type Query } from '../core/query.ts'

/** Letters of a reason that go to clients, so that the answer stays small. */
const EXTRA_TEXT = 200

/** Options that a reply copies from the client's OPT when no stage made an OPT of its own (specification 2.4). */
const ECHOED = new Set<number>([EDNS.NSID, EDNS.EXPIRE, EDNS.COOKIE, EDNS.TCP_KEEPALIVE, EDNS.PADDING])

/** Options that stages have asked to be echoed as well (`rewrite edns0 local`). Grows at configuration only; codes are 16 bits. */
export class EchoedOptions {
  readonly #codes = new Set<number>(ECHOED)

  add(code: number): void {
    this.#codes.add(code)
  }

  has(code: number): boolean {
    return this.#codes.has(code)
  }
}

/** Turns a settled query into the octets for its client: a message for a bare rcode, OPT, size. */
export function finishReply(q: Query, echoed: { has(code: number): boolean }): Uint8Array {
  if (!q.written) q.reply = replyTo(q.request, q.reply.rcode)
  mirrorOpt(q, echoed)
  tellError(q)
  return fitReply(q.reply, { limit: replyLimit(q), udp: q.protocol === 'udp', family: q.client.family })
}

/** Why there is no better answer, for clients with EDNS (RFC 8914). */
function tellError({ reply, request, extendedError }: Query): void {
  if (extendedError === undefined || request.edns === undefined || reply.edns === undefined) return
  reply.edns = { ...reply.edns, options: [...reply.edns.options, extendedErrorOption(extendedError.code, extendedError.text.slice(0, EXTRA_TEXT))] }
}
