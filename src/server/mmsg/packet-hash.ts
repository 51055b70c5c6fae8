import type { QuickQuestion } from '../../core/quick-question.ts'

/** Random at the start of the process. */
export interface HashKey {
  readonly k0: number
  readonly k1: number
}

/**
 * HalfSipHash-1-3 of what tells replies apart: scope, name, type and the flags that replies depend on. Keyed, so that nobody outside
 * can make names that fall into one place.
 */
export function packetHash(key: HashKey, scope: number, question: QuickQuestion): number {
  const { nameWords, nameLength } = question
  let v0 = key.k0
  let v1 = key.k1
  let v2 = 0x6c796765 ^ key.k0
  let v3 = 0x74656462 ^ key.k1
  const end = (nameLength + 3) >> 2
  for (let i = -2; i <= end; i++) {
    const word = i === -2 ? scope : i === -1 ? keyFlags(question) : i === end ? nameLength : nameWords[i]!
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  v2 ^= 0xff
  for (let i = 0; i < 3; i++) {
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
  }
  return v1 ^ v3
}

/** Type, and the flags that tell stored replies apart; the class is always IN. */
export function keyFlags(question: QuickQuestion): number {
  return question.type | (question.do ? 0x10000 : 0) | (question.cd ? 0x20000 : 0)
}
