import { parsePrefix, type Prefix } from '../base/ip.ts'
import { lowerName, parseName } from '../wire/name.ts'
import { ConfigError } from './error.ts'
import type { Key, Scheme, Token } from './tree.ts'

const DEFAULT_PORTS: Readonly<Record<Exclude<Scheme, 'dns'>, number>> = { tls: 853, quic: 853, grpc: 443, https: 443, https3: 443 }
const SCHEMES: readonly Scheme[] = ['dns', 'tls', 'quic', 'grpc', 'https', 'https3']
const MAX_ZONE_BYTES = 255

/** `[SCHEME://]ZONE[:PORT]` (specification 1.6). Several keys for a CIDR that is no whole zone. Throws ConfigError. */
export function parseKey(token: Token, defaultPort: number): Key[] {
  const { scheme, rest } = splitScheme(token.text)
  const { zone, port } = splitPort(rest, token)
  const effective = port ?? (scheme === 'dns' ? defaultPort : DEFAULT_PORTS[scheme])
  const zones = zonesOf(zone, token)
  return zones.map((name) => ({ scheme, zone: name, port: effective, text: token.text, token }))
}

/** A domain name or CIDR as ZONES arguments take it: lower-cased, absolute, one or more. Undefined when it is neither. */
export function normalizeZone(text: string): string[] | undefined {
  const reverse = zonesOfCidr(text)
  if (reverse !== undefined) return reverse
  const name = parseName(text)
  return name === undefined || text.length > MAX_ZONE_BYTES ? undefined : [lowerName(name)]
}

/** The reverse zones that a CIDR covers exactly: one on an octet (IPv4) or nibble (IPv6) boundary, else several. */
export function zonesOfCidr(text: string): string[] | undefined {
  if (!text.includes('/')) return undefined
  const prefix = parsePrefix(text)
  if (prefix === undefined) return undefined
  const step = prefix.bytes.length === 4 ? 8 : 4
  const whole = Math.ceil(prefix.bits / step) * step
  const count = 2 ** (whole - prefix.bits)
  return Array.from({ length: count }, (_, i) => reverseZone(prefix, whole / step, i, count))
}

/** The zone of the `digits` first octets or nibbles, the last of which is raised by `offset` within its group of `count`. */
function reverseZone(prefix: Prefix, digits: number, offset: number, count: number): string {
  const v4 = prefix.bytes.length === 4
  const labels: string[] = []
  for (let i = 0; i < digits; i++) {
    const octet = prefix.bytes[v4 ? i : i >> 1]!
    let digit = v4 ? octet : (i % 2 === 0 ? octet >> 4 : octet & 0xf)
    if (i === digits - 1) digit = digit - (digit % count) + offset
    labels.unshift(digit.toString(v4 ? 10 : 16))
  }
  return [...labels, v4 ? 'in-addr.arpa.' : 'ip6.arpa.'].join('.')
}

function zonesOf(text: string, token: Token): string[] {
  if (text.length > MAX_ZONE_BYTES) {
    throw new ConfigError(token, undefined, `specified zone is too long: ${text.length} > ${MAX_ZONE_BYTES}`)
  }
  const zones = text === '' ? undefined : normalizeZone(text)
  if (zonesOfCidr(text) !== undefined && /^(:|0.*:)/.test(text)) throw new ConfigError(token, undefined, `invalid CIDR ${text}`)
  if (zones === undefined) {
    throw new ConfigError(token, undefined, `zone is not a valid domain name: ${text}${text === '' ? '; for every name write "." before the port' : ''}`)
  }
  return zones
}

function splitScheme(text: string): { scheme: Scheme; rest: string } {
  const scheme = SCHEMES.find((candidate) => text.startsWith(`${candidate}://`))
  return scheme === undefined ? { scheme: 'dns', rest: text } : { scheme, rest: text.slice(scheme.length + 3) }
}

/** The port is what follows the last colon, if it is a number. */
function splitPort(text: string, token: Token): { zone: string; port: number | undefined } {
  const colon = text.lastIndexOf(':')
  if (colon < 0) return { zone: text, port: undefined }
  const after = text.slice(colon + 1)
  if (after === '') throw new ConfigError(token, undefined, `expecting data after last colon: "${token.text}"`)
  if (!/^\d+$/.test(after)) return { zone: text, port: undefined }
  const port = Number(after)
  if (port > 65_535) throw new ConfigError(token, undefined, `port ${after} is above 65535`)
  return { zone: text.slice(0, colon), port }
}
