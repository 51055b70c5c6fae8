import type { KeyedHash } from '../../base/keyed-hash.ts'
import type { ClusterObject, Kind } from '../objects.ts'
import type { Arena, Ref } from './arena.ts'
import { HashIndex } from './hash-index.ts'
import { RecordReader } from './reader.ts'
import { readObject, writeKey, writeObject } from './record.ts'
import { RecordWriter } from './writer.ts'

/** Before a record's octets: their number with this, hash of the key, place in the order of arrival, number of the list it was last in. */
const HEADER_BYTES = 16
const AT_SIZE = 0
const AT_HASH = 4
const AT_SEQUENCE = 8
const AT_LIST = 12

/** One of each for all tables: a record is written and copied before the next one. */
const writer = new RecordWriter()
const keyWriter = new RecordWriter()
const reader = new RecordReader()

/** The records of one kind by their key. */
export class RecordTable {
  readonly kind: Kind
  readonly #arena: Arena
  readonly #hash: KeyedHash
  readonly #byKey = new HashIndex()
  #sequence = 0
  #list = 0

  constructor(kind: Kind, arena: Arena, hash: KeyedHash) {
    this.kind = kind
    this.#arena = arena
    this.#hash = hash
  }

  get size(): number {
    return this.#byKey.size
  }

  /** 0 when there is none. */
  find(namespace: string | undefined, name: string): Ref {
    keyWriter.at = 0
    writeKey(namespace, name, keyWriter)
    return this.findKey(keyWriter.bytes, 2, keyWriter.at)
  }

  /** `key[from..to)` are the labels of a key: lower-case, each with its length before it. 0 when there is no such record. */
  findKey(key: Uint8Array, from: number, to: number): Ref {
    const hash = this.#hash.of(key, from, to)
    for (let slot = this.#byKey.first(hash); slot >= 0; slot = this.#byKey.next(slot)) {
      const ref = this.#byKey.at(slot)
      if (this.#hasKey(ref, key, from, to)) return ref
    }
    return 0
  }

  read(ref: Ref): ClusterObject {
    return readObject(this.kind, this.open(ref, reader))
  }

  /** Sets a reader to the beginning of a record. */
  open(ref: Ref, to: RecordReader): RecordReader {
    return to.begin(this.#arena.chunk(ref), this.#arena.offset(ref) + HEADER_BYTES)
  }

  /**
   * Adds a record or puts it in the place of its older state, whose place in the order it keeps; the Ref is new then, or 0 when
   * nothing is different. `leaving` is called with the older
   * state's Ref before that goes, and puts nothing itself.
   */
  put(object: ClusterObject, leaving: (ref: Ref) => void): Ref {
    writer.at = 0
    writeObject(object, writer)
    const keyEnd = 2 + (writer.bytes[0]! << 8 | writer.bytes[1]!)
    const before = this.findKey(writer.bytes, 2, keyEnd)
    if (before === 0) return this.#store(this.#hash.of(writer.bytes, 2, keyEnd), ++this.#sequence)
    const { chunk, at } = this.#header(before)
    if (this.#hasOctets(before)) {
      this.keep(before)
      return 0
    }
    const hash = chunk.readInt32LE(at + AT_HASH)
    const sequence = chunk.readUInt32LE(at + AT_SEQUENCE)
    leaving(before)
    this.#drop(before, hash)
    return this.#store(hash, sequence)
  }

  remove(ref: Ref): void {
    const { chunk, at } = this.#header(ref)
    this.#drop(ref, chunk.readInt32LE(at + AT_HASH))
  }

  /** Whether `a` arrived before `b`: for sorting. */
  order(a: Ref, b: Ref): number {
    return this.#sequenceOf(a) - this.#sequenceOf(b)
  }

  /** Records put from now on belong to a new list. */
  startList(): void {
    this.#list++
  }

  /** The record belongs to the present list as if it had been put. */
  keep(ref: Ref): void {
    const { chunk, at } = this.#header(ref)
    chunk.writeUInt32LE(this.#list, at + AT_LIST)
  }

  /** The record belongs to no list: the next one that does not name it takes it away. */
  disown(ref: Ref): void {
    const { chunk, at } = this.#header(ref)
    chunk.writeUInt32LE(0, at + AT_LIST)
  }

  /** The octets of a record (`record.ts`) where they lie. */
  octets(ref: Ref): Buffer {
    const { chunk, at } = this.#header(ref)
    return chunk.subarray(at + HEADER_BYTES, at + chunk.readUInt32LE(at + AT_SIZE))
  }

  /** Records that were not put since the list started. */
  leftOver(): Ref[] {
    const refs: Ref[] = []
    for (const ref of this.#byKey.refs()) {
      const { chunk, at } = this.#header(ref)
      if (chunk.readUInt32LE(at + AT_LIST) !== this.#list) refs.push(ref)
    }
    return refs
  }

  /** Every record, in no particular order. The table must not change meanwhile. */
  refs(): Iterable<Ref> {
    return this.#byKey.refs()
  }

  #store(hash: number, sequence: number): Ref {
    const size = HEADER_BYTES + writer.at
    const ref = this.#arena.allocate(size)
    const { chunk, at } = this.#header(ref)
    chunk.writeUInt32LE(size, at + AT_SIZE)
    chunk.writeInt32LE(hash, at + AT_HASH)
    chunk.writeUInt32LE(sequence, at + AT_SEQUENCE)
    chunk.writeUInt32LE(this.#list, at + AT_LIST)
    chunk.set(writer.bytes.subarray(0, writer.at), at + HEADER_BYTES)
    this.#byKey.add(hash, ref)
    return ref
  }

  #drop(ref: Ref, hash: number): void {
    const { chunk, at } = this.#header(ref)
    this.#byKey.remove(hash, ref)
    this.#arena.release(ref, chunk.readUInt32LE(at + AT_SIZE))
  }

  #hasKey(ref: Ref, key: Uint8Array, from: number, to: number): boolean {
    const chunk = this.#arena.chunk(ref)
    const at = this.#arena.offset(ref) + HEADER_BYTES
    if ((chunk[at]! << 8 | chunk[at + 1]!) !== to - from) return false
    for (let i = from, j = at + 2; i < to; i++, j++) if (key[i] !== chunk[j]) return false
    return true
  }

  #hasOctets(ref: Ref): boolean {
    const { chunk, at } = this.#header(ref)
    if (chunk.readUInt32LE(at + AT_SIZE) !== HEADER_BYTES + writer.at) return false
    return chunk.compare(writer.bytes, 0, writer.at, at + HEADER_BYTES, at + HEADER_BYTES + writer.at) === 0
  }

  #sequenceOf(ref: Ref): number {
    const { chunk, at } = this.#header(ref)
    return chunk.readUInt32LE(at + AT_SEQUENCE)
  }

  #header(ref: Ref): { readonly chunk: Buffer; readonly at: number } {
    return { chunk: this.#arena.chunk(ref), at: this.#arena.offset(ref) }
  }
}
