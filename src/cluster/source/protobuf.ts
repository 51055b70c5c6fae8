/**
 * Protocol buffers by table: which fields of a message are wanted, under which names of the JSON form. Everything else is stepped
 * over by its length and never looked at, which is most of what an API server sends.
 */

/** Octets that are no message of the form expected. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError'
}

type Json = Record<string, unknown>

/** A wanted field: its wire type, its name, and how its value adds to what earlier ones with the same number gave. */
export interface Field {
  readonly wire: typeof VARINT | typeof BYTES
  readonly name: string
  read(from: ProtobufReader, end: number, before: unknown): unknown
}

/** Wanted fields by number. */
export type MessageForm = readonly (Field | undefined)[]

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

export function message(fields: Readonly<Record<number, Field>>): MessageForm {
  const form: (Field | undefined)[] = []
  for (const [number, field] of Object.entries(fields)) form[Number(number)] = field
  return form
}

/** An empty text is left out, as JSON leaves it out. */
export const text = (name: string): Field => ({ wire: BYTES, name, read: (from, end) => from.text(end) || undefined })
export const texts = (name: string): Field => ({ wire: BYTES, name, read: (from, end, before) => append(before, from.text(end)) })
export const integer = (name: string): Field => ({ wire: VARINT, name, read: (from) => from.integer() })
export const flag = (name: string): Field => ({ wire: VARINT, name, read: (from) => from.integer() !== 0 })
export const one = (name: string, form: MessageForm): Field => ({ wire: BYTES, name, read: (from, end, before) => from.message(form, end, before as Json | undefined) })
export const many = (name: string, form: MessageForm): Field => ({ wire: BYTES, name, read: (from, end, before) => append(before, from.message(form, end)) })
/** The octets themselves, in the memory that is read from. */
export const octets = (name: string): Field => ({ wire: BYTES, name, read: (from, end) => from.octets(end) })

const ENTRY = message({ 1: text('key'), 2: text('value') })
/** A mapping from text to text, of which only some keys are wanted; all without `keys`. */
export const map = (name: string, keys?: readonly string[]): Field => ({
  wire: BYTES, name,
  read(from, end, before) {
    const { key = '', value = '' } = from.message(ENTRY, end) as { key?: string; value?: string }
    const into = (before ?? {}) as Record<string, string>
    if (keys === undefined || keys.includes(key)) into[key] = value
    return into
  },
})

/** Reads one message. Throws ProtobufError. */
export function decodeProtobuf(bytes: Buffer, form: MessageForm, start = 0): Json {
  return new ProtobufReader(bytes, start).message(form, bytes.length)
}

export class ProtobufReader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  message(form: MessageForm, end: number, into: Json = {}): Json {
    while (this.#at < end) {
      const tag = this.integer()
      const field = form[tag >>> 3]
      const wire = tag & 7
      if (field === undefined || field.wire !== wire) this.#skip(wire, end)
      else {
        const fieldEnd = wire === BYTES ? this.#lengthEnd(end) : end
        const value = field.read(this, fieldEnd, into[field.name])
        if (value !== undefined) into[field.name] = value
        if (wire === BYTES) this.#at = fieldEnd
      }
    }
    if (this.#at > end) throw new ProtobufError('a field that runs past its message')
    return into
  }

  text(end: number): string {
    return this.#bytes.toString('utf8', this.#at, end)
  }

  octets(end: number): Buffer {
    return this.#bytes.subarray(this.#at, end)
  }

  /** The lower 32 bits, signed. */
  integer(): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const octet = this.#bytes[this.#at++]
      if (octet === undefined) throw new ProtobufError('a number that does not end')
      if (shift < 32) value |= (octet & 0x7f) << shift
      if (octet < 0x80) return value
    }
    throw new ProtobufError('a number of more than ten octets')
  }

  #lengthEnd(end: number): number {
    const length = this.integer() >>> 0
    if (length > end - this.#at) throw new ProtobufError('a field longer than its message')
    return this.#at + length
  }

  #skip(wire: number, end: number): void {
    if (wire === BYTES) this.#at = this.#lengthEnd(end)
    else if (wire === VARINT) this.integer()
    else if (wire === FIXED64) this.#at += 8
    else if (wire === FIXED32) this.#at += 4
    else throw new ProtobufError(`a field of the unknown wire type ${wire}`)
  }
}

function append(before: unknown, value: unknown): unknown[] {
  const list = (before ?? []) as unknown[]
  list.push(value)
  return list
}
