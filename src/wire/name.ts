import { WireError } from './wire-error.ts'

/**
 * Domain names.
 *
 * | Where | Form |
 * |---|---|
 * | stages, records' owners, configuration | `Name`: absolute presentation text, letter case kept, `www.example.com.`; root is `.` |
 * | tables and comparisons | `lowerName(name)` |
 * | packets, rdata | wire form: length octets and labels, up to 255 octets, maybe compressed in packets |
 *
 * Text escapes as miekg/dns prints them: `\.` and the other special characters with a backslash, octets outside `!`..`~` as `\DDD`.
 */
export type Name = string

const MAX_WIRE = 255
const MAX_LABEL = 63
const BACKSLASH = 0x5c
const DOT = 0x2e
/** Characters that text forms write with a backslash (RFC 1035 5.1, as miekg/dns does). */
const SPECIAL = new Set([...` '@;().,"\\`].filter((char) => char !== ',').map((char) => char.codePointAt(0)!))
/** Each octet as it reads inside a label. */
const OCTET_TEXT: readonly string[] = Array.from({ length: 256 }, (_, octet) => octetText(octet))

/** Validates and completes: a relative name gets its final dot. Undefined when the text is no domain name. */
export function parseName(text: string): Name | undefined {
  if (text === '.') return '.'
  if (text === '') return undefined
  const absolute = endsWithDot(text) ? text : `${text}.`
  try {
    nameToWire(absolute)
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
  return absolute
}

/** ASCII letters only (RFC 4343). The same string when there is nothing to do. */
export function lowerName(name: Name): Name {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code >= 0x41 && code <= 0x5a) return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  }
  return name
}

/** Offsets at which labels begin in the text; none for the root. */
export function labelStarts(name: Name): number[] {
  if (name === '.' || name === '') return []
  const starts = [0]
  for (let dot = nextDot(name, 0); dot >= 0 && dot < name.length - 1; dot = nextDot(name, dot + 1)) starts.push(dot + 1)
  return starts
}

/** Labels as text, without the root's. */
export function splitLabels(name: Name): string[] {
  const starts = labelStarts(name)
  const end = endsWithDot(name) ? name.length - 1 : name.length
  return starts.map((start, i) => name.slice(start, i + 1 < starts.length ? starts[i + 1]! - 1 : end))
}

export function countLabels(name: Name): number {
  return labelStarts(name).length
}

/** The name without its first label; the root's parent is the root. */
export function parentOf(name: Name): Name {
  const dot = nextDot(name, 0)
  return dot < 0 || dot >= name.length - 1 ? '.' : name.slice(dot + 1)
}

/** True when `child` is `parent` or below it; label-wise, without regard to case. */
export function isSubdomain(child: Name, parent: Name): boolean {
  if (parent === '.') return true
  const at = child.length - parent.length
  if (at < 0) return false
  if (!equalNames(at === 0 ? child : child.slice(at), parent)) return false
  return at === 0 || (child.charCodeAt(at - 1) === DOT && !isEscaped(child, at - 1))
}

/** Without regard to the case of ASCII letters. */
export function equalNames(a: Name, b: Name): boolean {
  if (a === b) return true
  return a.length === b.length && lowerName(a) === lowerName(b)
}

/** Octets of the uncompressed wire form. */
export function wireLength(name: Name): number {
  if (name === '.') return 1
  let length = 1
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) === BACKSLASH) i += isDigit(name.charCodeAt(i + 1)) ? 3 : 1
    length++
  }
  return length
}

/** Uncompressed wire form in new memory. Throws WireError for text that is no name. */
export function nameToWire(name: Name): Uint8Array {
  const bytes = new Uint8Array(wireLength(name))
  writeName(name, bytes, 0)
  return bytes
}

/** Writes the uncompressed wire form at `at`, where there must be room, and gives the offset behind it. Throws WireError. */
export function writeName(name: Name, bytes: Uint8Array, at: number): number {
  if (name === '.') {
    bytes[at] = 0
    return at + 1
  }
  let lengthAt = at
  let to = at + 1
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code === DOT) {
      endLabel(name, bytes, lengthAt, to)
      lengthAt = to++
      continue
    }
    if (code !== BACKSLASH) {
      if (code > 0xff) throw new WireError('bad-name', i, `${name}: a name holds octets, not other characters`)
      bytes[to++] = code
      continue
    }
    const { octet, length } = readEscape(name, i)
    bytes[to++] = octet
    i += length - 1
  }
  if (to !== lengthAt + 1) throw new WireError('bad-name', name.length, `${name}: not absolute`)
  if (to - at > MAX_WIRE) throw new WireError('long-name', 0, `${name}: longer than ${MAX_WIRE} octets`)
  bytes[lengthAt] = 0
  return to
}

/**
 * Reads a name, following compression pointers backwards only. `next` is the offset behind the name where it began.
 * Throws WireError: end of packet, reserved label type, pointer forward or to itself, more than 255 octets.
 */
export function readName(bytes: Uint8Array, offset: number): { name: Name; next: number } {
  let text = ''
  let next = -1
  let at = offset
  let octets = 1
  /** Each pointer must lead before the one that was followed last, so that there are no loops. */
  let limit = offset
  for (;;) {
    const length = bytes[at]
    if (length === undefined) throw new WireError('short', at, 'the packet ends inside a name')
    if (length === 0) break
    if (length >= 0xc0) {
      const low = bytes[at + 1]
      if (low === undefined) throw new WireError('short', at, 'the packet ends inside a name')
      const target = ((length & 0x3f) << 8) | low
      if (next < 0) next = at + 2
      if (target >= limit) throw new WireError('bad-pointer', at, 'a compression pointer leads forward or to itself')
      limit = target
      at = target
      continue
    }
    if (length > MAX_LABEL) throw new WireError('bad-label', at, 'a label type that is neither a label nor a pointer')
    octets += length + 1
    if (octets > MAX_WIRE) throw new WireError('long-name', at, `a name longer than ${MAX_WIRE} octets`)
    if (at + length >= bytes.length) throw new WireError('short', at, 'the packet ends inside a name')
    text += labelText(bytes, at + 1, length)
    at += length + 1
  }
  return { name: text === '' ? '.' : text, next: next < 0 ? at + 1 : next }
}

/** Offset behind the name at `offset`, without reading what pointers lead to. Throws WireError at the end of the packet. */
export function skipName(bytes: Uint8Array, offset: number): number {
  for (let at = offset; ;) {
    const length = bytes[at]
    if (length === undefined) throw new WireError('short', at, 'the packet ends inside a name')
    if (length === 0) return at + 1
    if (length >= 0xc0) {
      if (at + 2 > bytes.length) throw new WireError('short', at, 'the packet ends inside a name')
      return at + 2
    }
    if (length > MAX_LABEL) throw new WireError('bad-label', at, 'a label type that is neither a label nor a pointer')
    at += length + 1
  }
}

function labelText(bytes: Uint8Array, at: number, length: number): string {
  let text = ''
  for (let i = at; i < at + length; i++) text += OCTET_TEXT[bytes[i]!]
  return `${text}.`
}

function octetText(octet: number): string {
  if (SPECIAL.has(octet)) return `\\${String.fromCharCode(octet)}`
  if (octet > 0x20 && octet < 0x7f) return String.fromCharCode(octet)
  return `\\${String(octet).padStart(3, '0')}`
}

function endLabel(name: Name, bytes: Uint8Array, lengthAt: number, to: number): void {
  const length = to - lengthAt - 1
  if (length === 0) throw new WireError('bad-name', 0, `${name}: an empty label`)
  if (length > MAX_LABEL) throw new WireError('long-label', 0, `${name}: a label longer than ${MAX_LABEL} octets`)
  bytes[lengthAt] = length
}

/** The octet behind a backslash: `\DDD`, or the character itself. */
function readEscape(name: Name, at: number): { octet: number; length: number } {
  const first = name.charCodeAt(at + 1)
  if (Number.isNaN(first)) throw new WireError('bad-name', at, `${name}: a backslash at the end`)
  if (!isDigit(first)) {
    if (first > 0xff) throw new WireError('bad-name', at, `${name}: a name holds octets, not other characters`)
    return { octet: first, length: 2 }
  }
  const digits = name.slice(at + 1, at + 4)
  if (!/^\d{3}$/.test(digits) || Number(digits) > 255) throw new WireError('bad-name', at, `${name}: \\DDD needs three digits up to 255`)
  return { octet: Number(digits), length: 4 }
}

function nextDot(name: Name, from: number): number {
  for (let i = from; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code === DOT) return i
    if (code === BACKSLASH) i++
  }
  return -1
}

function endsWithDot(name: Name): boolean {
  return name.endsWith('.') && !isEscaped(name, name.length - 1)
}

/** An odd number of backslashes stands before. */
function isEscaped(name: Name, at: number): boolean {
  let count = 0
  while (at - count > 0 && name.charCodeAt(at - count - 1) === BACKSLASH) count++
  return count % 2 === 1
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}
