import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedHash } from './keyed-hash.ts'

/** HalfSipHash-1-3 with 32 bits as its paper has it, over big integers: slow, and written without looking at the fast one. */
function reference(k0: number, k1: number, bytes: Uint8Array): number {
  const mask = 0xffffffffn
  const key = [BigInt(k0 >>> 0), BigInt(k1 >>> 0)] as const
  const v = [key[0], key[1], 0x6c796765n ^ key[0], 0x74656462n ^ key[1]]
  const rotate = (x: bigint, by: bigint) => ((x << by) | (x >> (32n - by))) & mask
  const round = () => {
    v[0] = (v[0]! + v[1]!) & mask
    v[1] = rotate(v[1]!, 5n) ^ v[0]
    v[0] = rotate(v[0], 16n)
    v[2] = (v[2]! + v[3]!) & mask
    v[3] = rotate(v[3]!, 8n) ^ v[2]
    v[0] = (v[0] + v[3]) & mask
    v[3] = rotate(v[3], 7n) ^ v[0]
    v[2] = (v[2] + v[1]) & mask
    v[1] = rotate(v[1], 13n) ^ v[2]
    v[2] = rotate(v[2], 16n)
  }
  const padded = Buffer.alloc((Math.floor(bytes.length / 4) + 1) * 4)
  padded.set(bytes)
  padded[padded.length - 1] = bytes.length & 0xff
  for (let at = 0; at < padded.length; at += 4) {
    const word = BigInt(padded.readUInt32LE(at))
    v[3] = v[3]! ^ word
    round()
    v[0] = v[0]! ^ word
  }
  v[2] = v[2]! ^ 0xffn
  for (let i = 0; i < 3; i++) round()
  return Number(BigInt.asIntN(32, v[1]! ^ v[3]!))
}

test('the hash is HalfSipHash-1-3 for every length', () => {
  const bytes = Uint8Array.from({ length: 70 }, (_, i) => (i * 37 + 200) & 0xff)
  const hash = new KeyedHash(0x03020100, 0x87060504)
  for (let length = 0; length < 66; length++) assert.equal(hash.of(bytes, 3, 3 + length), reference(0x03020100, 0x87060504, bytes.subarray(3, 3 + length)), `${length} octets`)
})

test('another key gives another hash', () => {
  const bytes = Buffer.from('cart')
  assert.notEqual(new KeyedHash(1, 2).of(bytes, 0, 4), new KeyedHash(1, 3).of(bytes, 0, 4))
})
