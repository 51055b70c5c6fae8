/** ASCII letters in lower case, everything else as it is. */
const LOWER = Uint8Array.from({ length: 256 }, (_, octet) => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet))

/** `length` octets of `a` and of `b` are the same. */
export function sameOctets(a: Uint8Array, aFrom: number, b: Uint8Array, bFrom: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aFrom + i] !== b[bFrom + i]) return false
  return true
}

/** `length` octets of `a`, put into lower case, are those of `b`. */
export function sameLower(a: Uint8Array, aFrom: number, b: Uint8Array, bFrom: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (LOWER[a[aFrom + i]!] !== b[bFrom + i]) return false
  return true
}
