import type { Name } from '../wire/name.ts'

const V4 = '.in-addr.arpa.'
const V6 = '.ip6.arpa.'

/** The address that a complete reverse name (lower-cased) stands for; undefined for partial and other names. */
export function addressOfReverse(name: Name): Uint8Array | undefined {
  if (name.endsWith(V4)) return octetsOf(name.slice(0, -V4.length).split('.'))
  if (name.endsWith(V6)) return nibblesOf(name.slice(0, -V6.length).split('.'))
  return undefined
}

/** Below `in-addr.arpa.` or `ip6.arpa.`; lower-cased. */
export function isReverse(name: Name): boolean {
  return name.endsWith(V4) || name.endsWith(V6)
}

/** `4.3.2.1.in-addr.arpa.` for 1.2.3.4. */
export function reverseName(address: Uint8Array): Name {
  if (address.length === 4) return `${[...address].toReversed().join('.')}${V4}`
  const nibbles = [...address].flatMap((octet) => [octet >> 4, octet & 0xf])
  return `${nibbles.toReversed().map((nibble) => nibble.toString(16)).join('.')}${V6}`
}

function octetsOf(labels: readonly string[]): Uint8Array | undefined {
  if (labels.length !== 4 || !labels.every((label) => /^(0|[1-9]\d{0,2})$/.test(label) && Number(label) < 256)) return undefined
  return Uint8Array.from(labels.toReversed(), Number)
}

/** CoreDNS counts nibbles in groups of four and drops what is left over, so up to three labels too many pass. */
function nibblesOf(labels: readonly string[]): Uint8Array | undefined {
  if (labels.length < 32 || labels.length > 35 || !labels.every((label) => /^[0-9a-f]$/.test(label))) return undefined
  const nibbles = labels.toReversed().map((label) => Number.parseInt(label, 16))
  return Uint8Array.from({ length: 16 }, (_, i) => (nibbles[2 * i]! << 4) | nibbles[2 * i + 1]!)
}
