import type { QuickReply } from '../../core/quick-reply.ts'

/** Gives all records of a reply, from `start` on, the same TTL. */
export function setTtls({ bytes, length }: QuickReply, start: number, ttl: number): void {
  for (let at = start; at < length;) {
    const fields = skipPlainName(bytes, at)
    bytes[fields + 4] = ttl >>> 24
    bytes[fields + 5] = (ttl >>> 16) & 0xff
    bytes[fields + 6] = (ttl >>> 8) & 0xff
    bytes[fields + 7] = ttl & 0xff
    at = fields + 10 + ((bytes[fields + 8]! << 8) | bytes[fields + 9]!)
  }
}

/** The offset behind a name without compression, where type, class, TTL and length of a record follow. */
export function skipPlainName(bytes: Uint8Array, at: number): number {
  let end = at
  while (bytes[end] !== 0) end += bytes[end]! + 1
  return end + 1
}

/** Whether two names without compression are one, without regard to the case of letters. */
export function samePlainName(bytes: Uint8Array, one: number, other: number): boolean {
  if (one === other) return true
  let [a, b] = [one, other]
  for (;;) {
    const length = bytes[a]!
    if (length !== bytes[b]) return false
    if (length === 0) return true
    for (const end = a + length; a < end;) {
      const left = bytes[++a]!
      const right = bytes[++b]!
      if (left !== right && ((left ^ right) !== 0x20 || (left | 0x20) < 0x61 || (left | 0x20) > 0x7a)) return false
    }
    a++
    b++
  }
}
