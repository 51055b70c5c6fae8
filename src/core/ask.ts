import { RCODE } from '../wire/codes.ts'
import type { Chain } from './chain.ts'
import type { Answer, Ask } from './env.ts'
import { copyMessage, Query, replyTo } from './query.ts'

/** Questions within questions: a CNAME that leads to an autopath that leads to a CNAME ends here. */
const DEPTH_LIMIT = 16

/**
 * Asks a question on behalf of `q`: `below`, from stage `from` of the chain on, or of the whole server.
 * The client's flags, EDNS and address go along, as CoreDNS's in-process lookups do.
 */
export async function ask(q: Query, chain: Chain, from: number, wanted: Ask): Promise<Answer> {
  if (q.depth >= DEPTH_LIMIT) return refused(q, `in-process lookups are nested more than ${DEPTH_LIMIT} deep`)
  const request = copyMessage(q.request)
  if (wanted.question !== undefined) request.questions = [wanted.question]
  if (wanted.ad !== undefined) request.ad = wanted.ad
  const protocol = wanted.protocol ?? q.protocol
  const arrival = protocol === q.protocol ? q.arrival : { ...q.arrival, protocol }
  const child = new Query(request, arrival, true, q.depth + 1)
  child.trace = q.trace?.child(child.question)
  child.cancelAtMs = q.cancelAtMs
  child.metadata = q.metadata
  await (wanted.scope === 'below' ? chain.run(child, from) : q.server.dispatch(child))
  if (child.attempts !== undefined) q.attempts = q.attempts === undefined ? child.attempts : [...q.attempts, ...child.attempts]
  return { message: child.reply, written: child.written && !child.dropped, dropped: child.dropped, error: child.error, extendedError: child.extendedError, by: child.answeredBy, askedEdns: child.request.edns }
}

function refused(q: Query, text: string): Answer {
  return { message: replyTo(q.request, RCODE.SERVFAIL), written: false, dropped: false, error: new Error(text), extendedError: undefined, by: '', askedEdns: q.request.edns }
}
