/** Octets of character strings as text: `"` and `\` with a backslash, what does not print as `\DDD` (RFC 1035 5.1). */
export function formatOctets(bytes: Uint8Array): string {
  let text = ''
  for (const octet of bytes) {
    if (octet === 0x22 || octet === 0x5c) text += `\\${String.fromCharCode(octet)}`
    else if (octet >= 0x20 && octet <= 0x7e) text += String.fromCharCode(octet)
    else text += `\\${String(octet).padStart(3, '0')}`
  }
  return text
}

/** The reverse; other characters count as their UTF-8 octets. Undefined for a broken escape. */
export function octetsOf(text: string): Uint8Array | undefined {
  if (!text.includes('\\')) return new TextEncoder().encode(text)
  const bytes: number[] = []
  const characters = [...text]
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!
    if (character !== '\\') {
      bytes.push(...new TextEncoder().encode(character))
      continue
    }
    const escaped = characters[++i]
    if (escaped === undefined) return undefined
    if (!/\d/.test(escaped)) {
      bytes.push(...new TextEncoder().encode(escaped))
      continue
    }
    const digits = characters.slice(i, i + 3).join('')
    if (!/^\d{3}$/.test(digits) || Number(digits) > 255) return undefined
    bytes.push(Number(digits))
    i += 2
  }
  return Uint8Array.from(bytes)
}
