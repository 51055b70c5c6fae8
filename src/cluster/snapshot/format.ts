/**
 * An index as octets: what a snapshot file holds.
 *
 *     hearth-index 2 \n     16 octets with the version
 *     key                   SHA-256 of what the index is of: its source and selection
 *     written               Unix milliseconds, u64
 *     records               each: number of its kind, length u32, octets (packed/record.ts)
 *     checksum              SHA-256 of everything before
 */
import { createHash } from 'node:crypto'
import type { ClusterIndex } from '../index.ts'
import type { ClusterObject, Kind } from '../objects.ts'
import { RecordReader } from '../packed/reader.ts'
import { readObject } from '../packed/record.ts'

const MAGIC = Buffer.from('hearth-index 2 \n')
const HASH_BYTES = 32
const HEADER_BYTES = MAGIC.length + HASH_BYTES + 8
const PREFIX_BYTES = 5
const PIECE_BYTES = 256 * 1024
/** By their numbers, which stay as they are. */
const KINDS: readonly Kind[] = ['Namespace', 'Service', 'EndpointSlice', 'Pod', 'ServiceImport', 'ImportedSlice']

export interface Snapshot {
  /** When it was written, in Unix milliseconds. */
  readonly writtenMs: number
  readonly objects: readonly ClusterObject[]
}

/** Pieces of a snapshot without its checksum. Between two pieces the index may change; a kind is as it is at one time. */
export function* encodeSnapshot(index: ClusterIndex, key: string, wallMs: number): Generator<Buffer> {
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  sha256(Buffer.from(key)).copy(header, MAGIC.length)
  header.writeBigUInt64BE(BigInt(Math.floor(wallMs)), MAGIC.length + HASH_BYTES)
  yield header
  for (const [number, kind] of KINDS.entries()) yield* piecesOf(index, kind, number)
}

export function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** The text says why octets are no snapshot of this index. */
export function decodeSnapshot(bytes: Buffer, key: string): Snapshot | string {
  const end = bytes.length - HASH_BYTES
  if (end < HEADER_BYTES || bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) return 'it is no snapshot of this version'
  if (!sha256(bytes.subarray(0, end)).equals(bytes.subarray(end))) return 'it is damaged'
  if (!bytes.subarray(MAGIC.length, MAGIC.length + HASH_BYTES).equals(sha256(Buffer.from(key)))) return 'it is of another source or selection'
  const objects: ClusterObject[] = []
  const reader = new RecordReader()
  try {
    for (let at = HEADER_BYTES; at < end;) {
      const kind = KINDS[bytes[at]!]
      const next = at + PREFIX_BYTES + (at + PREFIX_BYTES <= end ? bytes.readUInt32BE(at + 1) : Infinity)
      if (kind === undefined || next > end) return 'it is damaged'
      objects.push(readObject(kind, reader.begin(bytes.subarray(at + PREFIX_BYTES, next), 0)))
      at = next
    }
  } catch (error) {
    // A record that is cut short.
    if (!(error instanceof RangeError)) throw error
    return 'it is damaged'
  }
  return { writtenMs: Number(bytes.readBigUInt64BE(MAGIC.length + HASH_BYTES)), objects }
}

/** Copies of all records of a kind, made at once. */
function piecesOf(index: ClusterIndex, kind: Kind, number: number): Buffer[] {
  const pieces: Buffer[] = []
  let piece = Buffer.alloc(0)
  let at = 0
  for (const octets of index.packed(kind)) {
    const size = PREFIX_BYTES + octets.length
    if (at + size > piece.length) {
      pieces.push(piece.subarray(0, at))
      piece = Buffer.alloc(Math.max(PIECE_BYTES, size))
      at = 0
    }
    piece[at] = number
    piece.writeUInt32BE(octets.length, at + 1)
    octets.copy(piece, at + PREFIX_BYTES)
    at += size
  }
  pieces.push(piece.subarray(0, at))
  return pieces
}
