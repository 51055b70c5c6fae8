/**
 * IP addresses and prefixes as bytes: 4 octets for IPv4, 16 for IPv6, in network order.
 * Text forms follow RFC 5952, and IPv4-mapped IPv6 addresses print as dotted quads, as CoreDNS prints them.
 */

export interface Prefix {
  readonly bytes: Uint8Array
  /** 0..32 or 0..128, counted in the family of `bytes`. */
  readonly bits: number
}

/** 4 or 16 octets, or undefined when the text is no literal address. Zone ids (`%eth0`) are refused. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIp6(text) : parseIp4(text)
}

export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  if (isMapped(bytes)) return `${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`
  return formatIp6(bytes)
}

/** The 4-octet form of an IPv4-mapped address; any other address as it is. */
export function unmapIp(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 && isMapped(bytes) ? bytes.subarray(12) : bytes
}

/** `address/bits`, or a bare address, which stands for itself alone. Host bits are kept. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  const bytes = parseIp(slash < 0 ? text : text.slice(0, slash))
  if (bytes === undefined) return undefined
  const limit = bytes.length * 8
  if (slash < 0) return { bytes, bits: limit }
  const digits = text.slice(slash + 1)
  if (!/^(0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > limit) return undefined
  return { bytes, bits: Number(digits) }
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatIp(prefix.bytes)}/${prefix.bits}`
}

/** False when the families differ; an IPv4-mapped address counts as IPv4. */
export function prefixContains(prefix: Prefix, ip: Uint8Array): boolean {
  const address = prefix.bytes.length === 4 ? unmapIp(ip) : ip
  if (address.length !== prefix.bytes.length) return false
  const whole = prefix.bits >> 3
  for (let i = 0; i < whole; i++) if (address[i] !== prefix.bytes[i]) return false
  const rest = prefix.bits & 7
  if (rest === 0) return true
  const mask = (0xff << (8 - rest)) & 0xff
  return (address[whole]! & mask) === (prefix.bytes[whole]! & mask)
}

export function equalIp(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Four numbers up to 255 without leading zeros. Read digit by digit: indexes parse a hundred thousand of these at once. */
function parseIp4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4)
  let part = 0
  let value = -1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x2e) {
      if (value < 0 || part === 3) return undefined
      bytes[part++] = value
      value = -1
    } else {
      if (code < 0x30 || code > 0x39 || value === 0) return undefined
      value = value < 0 ? code - 0x30 : value * 10 + code - 0x30
      if (value > 255) return undefined
    }
  }
  if (part !== 3 || value < 0) return undefined
  bytes[3] = value
  return bytes
}

function parseIp6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groupsOf(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groupsOf(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail]
  const bytes = new Uint8Array(16)
  groups.forEach((group, i) => {
    bytes[2 * i] = group >> 8
    bytes[2 * i + 1] = group & 0xff
  })
  return bytes
}

/** The 16-bit groups of one side of `::`; only the end of the address may be a dotted quad. */
function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (part.includes('.') && last && i === parts.length - 1) {
      const quad = parseIp4(part)
      if (quad === undefined) return undefined
      groups.push((quad[0]! << 8) | quad[1]!, (quad[2]! << 8) | quad[3]!)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16))
    } else return undefined
  }
  return groups
}

function formatIp6(bytes: Uint8Array): string {
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!)
  const { start, length } = longestZeroRun(groups)
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  if (length < 2) return hex(groups)
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue
    if (i - start > best.length) best = { start, length: i - start }
    start = i + 1
  }
  return best
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return bytes[10] === 0xff && bytes[11] === 0xff
}
