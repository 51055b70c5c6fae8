import type { Query } from '../../core/query.ts'
import { className, rcodeName, typeName } from '../../wire/codes.ts'
import { messageLength } from '../../wire/encode.ts'
import type { Name } from '../../wire/name.ts'

const COMMON = '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}'
export const DEFAULT_FORMAT = COMMON
/** For slow and failed queries: also who was asked, and why it failed. */
export const DETAILED_FORMAT = `${COMMON} {upstreams} {error}`
const NAMED: Readonly<Record<string, string>> = { '{common}': COMMON, '{combined}': `${COMMON} "{>opcode}"` }

/** What a line says besides what the query itself holds. */
export interface Logged {
  readonly q: Query
  /** The name as it came in, lower-cased; type and class are those after the chain. */
  readonly name: Name
  /** Octets of the request, uncompressed. */
  readonly size: number
  /** The reply loses records for want of room, which the client is told with TC. */
  readonly cut: boolean
  readonly durationMs: number
}

type Part = string | ((entry: Logged) => string)
export type Format = readonly Part[]

/** A format as a list of fixed texts and functions; unknown placeholders stay as they are. */
export function compileFormat(text: string): Format {
  const expanded = text.replace(/\{common\}|\{combined\}/g, (name) => NAMED[name]!)
  return expanded.split(/(\{[^{}]*\})/).filter((part) => part !== '').map((part) => PLACEHOLDERS[part] ?? labelOf(part))
}

/** `{/plugin/label}` is metadata. */
function labelOf(part: string): Part {
  if (!part.startsWith('{/')) return part
  const label = part.slice(2, -1)
  return ({ q }) => q.metadata?.get(label) ?? '-'
}

export function formatLine(format: Format, entry: Logged): string {
  return format.map((part) => (typeof part === 'string' ? part : part(entry))).join('')
}

const PLACEHOLDERS: Readonly<Record<string, (entry: Logged) => string>> = {
  '{type}': ({ q }) => typeName(q.question.type),
  '{class}': ({ q }) => className(q.question.class),
  '{name}': ({ name }) => name,
  '{proto}': ({ q }) => q.protocol,
  '{size}': ({ size }) => String(size),
  '{remote}': ({ q }) => bracketed(q.client.address),
  '{local}': ({ q }) => bracketed(q.arrival.local.address),
  '{port}': ({ q }) => String(q.client.port),
  '{duration}': ({ durationMs }) => `${Number((durationMs / 1000).toFixed(9))}s`,
  '{rcode}': ({ q }) => (q.dropped ? '-' : rcodeName(q.reply.rcode)),
  '{rsize}': ({ q }) => String(q.dropped ? 0 : messageLength(q.reply)),
  '{>rflags}': (entry) => (entry.q.dropped ? '-' : flagList(entry).join(',') || '-'),
  '{>id}': ({ q }) => String(q.request.id),
  '{>opcode}': ({ q }) => String(q.request.opcode),
  '{>do}': ({ q }) => String(q.request.edns?.do ?? false),
  '{>bufsize}': ({ q }) => String(effectiveBufsize(q)),
  '{upstreams}': ({ q }) => q.attempts?.map((attempt) => `${attempt.to}/${attempt.protocol}=${(attempt.tookMs / 1000).toFixed(3)}s`).join(',') || '-',
  '{error}': ({ q }) => (q.error === undefined ? '-' : JSON.stringify(q.error.message)),
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

export function flagList({ q, cut }: Logged): string[] {
  return (['qr', 'aa', 'tc', 'rd', 'ra', 'z', 'ad', 'cd'] as const).filter((flag) => q.reply[flag] || (flag === 'tc' && cut))
}

/** Octets that the client takes. */
export function effectiveBufsize(q: Query): number {
  return q.protocol === 'tcp' ? 65_535 : Math.max(512, q.request.edns?.udpSize ?? 0)
}
