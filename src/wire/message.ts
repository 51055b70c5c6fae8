import type { Name } from './name.ts'

export { WireError } from './wire-error.ts'

export interface Question {
  readonly name: Name
  readonly type: number
  readonly class: number
}

/** Records are shared between queries and caches and never edited: who changes one makes a new one. */
export interface ResourceRecord {
  readonly name: Name
  readonly type: number
  readonly class: number
  readonly ttl: number
  /** RFC 1035 wire form, names uncompressed. */
  readonly rdata: Uint8Array
}

export interface EdnsOption {
  readonly code: number
  readonly data: Uint8Array
}

/** The OPT pseudo-record (RFC 6891), kept apart from the additional section. */
export interface Edns {
  readonly udpSize: number
  readonly version: number
  readonly do: boolean
  /** The 15 flag bits beside DO. */
  readonly z: number
  readonly options: readonly EdnsOption[]
}

/** A DNS message (RFC 1035 4.1), decoded. */
export class Message {
  id = 0
  qr = false
  opcode = 0
  aa = false
  tc = false
  rd = false
  ra = false
  /** The reserved header bit. */
  z = false
  ad = false
  cd = false
  /** All 12 bits: the upper 8 travel in the OPT. */
  rcode = 0
  questions: Question[] = []
  answers: ResourceRecord[] = []
  authorities: ResourceRecord[] = []
  /** Without the OPT. */
  additionals: ResourceRecord[] = []
  edns: Edns | undefined = undefined
}
