import { CLASS, className, parseClass, parseType, typeName } from './codes.ts'
import type { ResourceRecord } from './message.ts'
import { nameToWire, parseName, readName } from './name.ts'
import { formatRdata, parseRdata, RdataError } from './rdata-text.ts'

/** A line that is no resource record. */
export class RecordError extends Error {
  override readonly name = 'RecordError'
}

const DEFAULT_TTL = 3600

/** `name TTL CLASS TYPE rdata`, tabs between the first five, as miekg/dns prints records. */
export function formatRecord(record: ResourceRecord): string {
  return `${record.name}\t${record.ttl}\t${className(record.class)}\t${typeName(record.type)}\t${formatRdata(record.type, record.rdata)}`
}

/**
 * One record in master-file syntax (RFC 1035 5.1): owner, TTL and class in either order or left out (3600, IN), type, rdata.
 * Relative names are completed with the root. Throws RecordError.
 */
export function parseRecord(line: string): ResourceRecord {
  const tokens = tokenize(line)
  const owner = tokens[0] ?? fail(line, 'nothing there')
  const given = parseName(owner) ?? fail(line, `"${owner}" is no domain name`)
  // Through octets, so that escapes are those that names have everywhere.
  const { name } = readName(nameToWire(given), 0)
  let ttl = DEFAULT_TTL
  let klass: number = CLASS.IN
  let at = 1
  for (; at < 3; at++) {
    const token = tokens[at] ?? ''
    const number = parseTtl(token)
    const known = parseType(token) === undefined || at === 1 ? parseClass(token) : undefined
    if (number !== undefined) ttl = number
    else if (known !== undefined && token !== 'ANY') klass = known
    else break
  }
  const type = parseType(tokens[at] ?? '') ?? fail(line, `"${tokens[at] ?? ''}" is no record type`)
  try {
    return { name, type, class: klass, ttl, rdata: parseRdata(type, tokens.slice(at + 1)) }
  } catch (error) {
    if (error instanceof RdataError) return fail(line, error.message)
    throw error
  }
}

/** Seconds, or numbers with units: `1h30m`, `2w`. */
function parseTtl(text: string): number | undefined {
  if (/^\d{1,10}$/.test(text)) return Number(text) < 2 ** 32 ? Number(text) : undefined
  if (!/^(\d{1,9}[smhdw])+$/i.test(text)) return undefined
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }
  let total = 0
  for (const [, digits, unit] of text.toLowerCase().matchAll(/(\d+)([smhdw])/g)) total += Number(digits) * units[unit!]!
  return total < 2 ** 32 ? total : undefined
}

/** Words and quoted strings; parentheses join lines, `;` begins a comment, escapes are left in place. */
function tokenize(line: string): string[] {
  const tokens: string[] = []
  const pattern = /"((?:[^"\\]|\\.)*)"|((?:[^\s"();\\]|\\.)(?:[^\s();"\\]|\\.|"(?:[^"\\]|\\.)*")*)|;[^\n]*|[()\s]+|(.)/gs
  for (const match of line.matchAll(pattern)) {
    if (match[3] !== undefined) fail(line, `${match[3]} without its other half`)
    const token = match[1] ?? match[2]
    if (token !== undefined) tokens.push(token)
  }
  return tokens
}

function fail(line: string, text: string): never {
  throw new RecordError(`${line.trim()}: ${text}`)
}
