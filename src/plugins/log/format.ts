import type { Query } from '../../core/query.ts'
import { className, rcodeName, typeName } from '../../wire/codes.ts'
import { messageLength } from '../../wire/encode.ts'
import type { Name } from '../../wire/name.ts'

const COMMON = '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}'
export const DEFAULT_FORMAT = COMMON
const NAMED: Readonly<Record<string, string>> = { '{common}': COMMON, '{combined}': `${COMMON} "{>opcode}"` }

/** What a line says besides what the query itself holds. */
export interface Logged {
  readonly q: Query
  /** The name as it came in, lower-cased; type and class are those after the chain. */
  readonly name: Name
  /** Octets of the request, uncompressed, before the chain. */
  readonly size: number
  readonly durationMs: number
}

type Part = string | ((entry: Logged) => string)
export type Format = readonly Part[]

/** A format as a list of fixed texts and functions; unknown placeholders stay as they are. */
export function compileFormat(text: string): Format {
  const expanded = text.replace(/\{common\}|\{combined\}/g, (name) => NAMED[name]!)
  return expanded.split(/(\{[^{}]*\})/).filter((part) => part !== '').map((part) => PLACEHOLDERS[part] ?? (part.startsWith('{/') ? '-' : part))
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
  '{>rflags}': ({ q }) => (q.dropped ? '-' : flagText(q)),
  '{>id}': ({ q }) => String(q.request.id),
  '{>opcode}': ({ q }) => String(q.request.opcode),
  '{>do}': ({ q }) => String(q.request.edns?.do ?? false),
  '{>bufsize}': ({ q }) => String(q.protocol === 'tcp' ? 65_535 : Math.max(512, q.request.edns?.udpSize ?? 0)),
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

function flagText(q: Query): string {
  const flags = (['qr', 'aa', 'tc', 'rd', 'ra', 'z', 'ad', 'cd'] as const).filter((flag) => q.reply[flag])
  return flags.length === 0 ? '-' : flags.join(',')
}
