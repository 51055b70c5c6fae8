import { EDNS, extendedErrorOption } from '../wire/edns.ts'
import { fitReply } from '../wire/encode.ts'
import { replyTo, type Query } from '../core/query.ts'

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
  const limit = q.protocol === 'udp' ? Math.max(512, q.request.edns?.udpSize ?? 0) : 65_535
  return fitReply(q.reply, { limit, udp: q.protocol === 'udp', family: q.client.family })
}

/** Flag bits of an OPT besides DO that are passed on: the upper byte of the 16. */
const KEPT_Z = 0x7f00

/** A reply carries an OPT only if the query did; its size is the client's own. */
export function mirrorOpt(q: Query, echoed: { has(code: number): boolean }): void {
  const asked = q.request.edns
  if (asked === undefined) return
  const made = q.reply.edns
  const options = made === undefined ? asked.options.filter((option) => echoed.has(option.code)) : made.options
  const told = q.extendedError === undefined ? options : [...options, extendedErrorOption(q.extendedError.code, q.extendedError.text)]
  q.reply.edns = made === undefined
    ? { ...asked, version: 0, z: asked.z & KEPT_Z, options: told }
    : { udpSize: asked.udpSize, version: 0, do: made.do || asked.do, z: made.z & KEPT_Z, options: told }
}
