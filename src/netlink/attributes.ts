/**
 * Netlink attributes: length and type in host order, then the value, padded to four octets. All machines that we run on are
 * little-endian. Integers inside nftables attributes are big-endian, those of rtnetlink are not: see the callers.
 */

const HEADER_BYTES = 4
/** Marks attributes that hold attributes. */
const NESTED = 0x8000
const TYPE_MASK = 0x3fff

export interface Attribute {
  readonly type: number
  readonly value: Buffer
}

export function attribute(type: number, value: Uint8Array): Buffer {
  const length = HEADER_BYTES + value.length
  const bytes = Buffer.alloc(align(length))
  bytes.writeUInt16LE(length, 0)
  bytes.writeUInt16LE(type, 2)
  bytes.set(value, HEADER_BYTES)
  return bytes
}

export function nested(type: number, ...attributes: readonly Buffer[]): Buffer {
  return attribute(type | NESTED, Buffer.concat(attributes))
}

/** With its final zero. */
export function textAttribute(type: number, text: string): Buffer {
  return attribute(type, Buffer.from(`${text}\0`))
}

export function uint32Attribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return attribute(type, bytes)
}

export function bigUint32Attribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  return attribute(type, bytes)
}

export function bigUint64Attribute(type: number, value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return attribute(type, bytes)
}

/** What stands in `bytes`, in order; a length that cannot be ends the list. */
export function readAttributes(bytes: Buffer): Attribute[] {
  const attributes: Attribute[] = []
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt16LE(at)
    if (length < HEADER_BYTES || at + length > bytes.length) break
    attributes.push({ type: bytes.readUInt16LE(at + 2) & TYPE_MASK, value: bytes.subarray(at + HEADER_BYTES, at + length) })
    at += align(length)
  }
  return attributes
}

export function findAttribute(attributes: readonly Attribute[], type: number): Buffer | undefined {
  return attributes.find((each) => each.type === type)?.value
}

export function readText(value: Buffer | undefined): string {
  if (value === undefined) return ''
  const end = value.indexOf(0)
  return value.toString('utf8', 0, end < 0 ? value.length : end)
}

export function align(length: number): number {
  return (length + 3) & ~3
}
