import { rcodeName, className, typeName } from '../../wire/codes.ts'
import { messageLength } from '../../wire/encode.ts'
import { effectiveBufsize, flagList, type Logged } from './format.ts'

/** A query as one JSON object: the fields of the text format under their names, and who was asked for it. */
export function jsonLine(logged: Logged, wallMs: number): string {
  const { q, name, size, durationMs } = logged
  return JSON.stringify({
    time: new Date(wallMs).toISOString(),
    remote: q.client.address,
    port: q.client.port,
    id: q.request.id,
    type: typeName(q.question.type),
    class: className(q.question.class),
    name,
    proto: q.protocol,
    size,
    do: q.request.edns?.do ?? false,
    bufsize: effectiveBufsize(q),
    rcode: q.dropped ? null : rcodeName(q.reply.rcode),
    flags: q.dropped ? [] : flagList(logged),
    rsize: q.dropped ? 0 : messageLength(q.reply),
    ms: round(durationMs),
    server: q.server.label,
    plugin: q.answeredBy,
    ...(q.error === undefined ? {} : { error: q.error.message }),
    ...(q.attempts === undefined ? {} : { upstreams: q.attempts.map((attempt) => ({ to: attempt.to, proto: attempt.protocol, ms: round(attempt.tookMs), outcome: attempt.outcome })) }),
  })
}

function round(ms: number): number {
  return Number(ms.toFixed(3))
}
