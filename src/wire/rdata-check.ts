import { TYPE } from './codes.ts'
import { readName } from './name.ts'
import { join } from './rdata.ts'
import { FIELDS, type FieldKind } from './rdata-fields.ts'
import { WireError } from './wire-error.ts'

/** Fields of types that have no text form here: only their lengths matter. */
type Kind = FieldKind | 'u48' | 'u64' | 'rest' | 'counted16'

const ONE_NAME: readonly Kind[] = ['name']
const TWO_NAMES: readonly Kind[] = ['name', 'name']

const SHAPES: ReadonlyMap<number, readonly Kind[]> = new Map<number, readonly Kind[]>([
  ...FIELDS,
  ...[TYPE.MD, TYPE.MF, TYPE.MB, TYPE.MG, TYPE.MR, TYPE['NSAP-PTR']].map((type) => [type, ONE_NAME] as const),
  ...[TYPE.MINFO, TYPE.TALINK].map((type) => [type, TWO_NAMES] as const),
  [TYPE.RT, ['u16', 'name']], [TYPE.LP, ['u16', 'name']], [TYPE.PX, ['u16', 'name', 'name']],
  [TYPE.SIG, FIELDS.get(TYPE.RRSIG)!], [TYPE.KEY, FIELDS.get(TYPE.DNSKEY)!], [TYPE.RKEY, FIELDS.get(TYPE.DNSKEY)!], [TYPE.NXT, FIELDS.get(TYPE.NSEC)!],
  [TYPE.TA, FIELDS.get(TYPE.DS)!], [TYPE.DLV, FIELDS.get(TYPE.DS)!],
  [TYPE.X25, ['string']], [TYPE.ISDN, ['string', 'string']], [TYPE.GPOS, ['string', 'string', 'string']], [TYPE.UINFO, ['string']],
  [TYPE.AVC, ['strings']], [TYPE.NINFO, ['strings']], [TYPE.RESINFO, ['strings']],
  [TYPE.LOC, ['u8', 'u8', 'u8', 'u8', 'u32', 'u32', 'u32']], [TYPE.CERT, ['u16', 'u16', 'u8', 'rest']], [TYPE.CSYNC, ['u32', 'u16', 'types']],
  [TYPE.ZONEMD, ['u32', 'u8', 'u8', 'rest']], [TYPE.NID, ['u16', 'u64']], [TYPE.L32, ['u16', 'ip4']], [TYPE.L64, ['u16', 'u64']],
  [TYPE.TKEY, ['name', 'u32', 'u32', 'u16', 'u16', 'counted16', 'counted16']], [TYPE.TSIG, ['name', 'u48', 'u16', 'counted16', 'u16', 'u16', 'counted16']],
  [TYPE.EUI48, ['u48']], [TYPE.EUI64, ['u64']], [TYPE.UID, ['u32']], [TYPE.GID, ['u32']], [TYPE.ANY, []], [TYPE.NXNAME, []],
])

const FIXED = new Map<Kind, number>([['u8', 1], ['u16', 2], ['u32', 4], ['u48', 6], ['u64', 8], ['ip4', 4], ['ip6', 16], ['type', 2], ['time', 4]])
/** Fields with a length octet before them; `counted16` has two. */
const COUNTED = new Set<Kind>(['string', 'word', 'salt', 'base32'])

/**
 * Rdata as CoreDNS passes it on, whose names are expanded already: rdata that ends between two fields gets empty ones for the rest, so
 * that nothing behind the reader has to look. The same object when it is whole, or empty (RFC 2136 uses that). Throws WireError for
 * fields that are cut or malformed, and for octets behind the last one.
 */
export function canonicalRdata(type: number, rdata: Uint8Array, offset: number): Uint8Array {
  if (rdata.length === 0) return rdata
  const kinds = SHAPES.get(type)
  if (kinds === undefined) return rdata
  let at = 0
  for (const [i, kind] of kinds.entries()) {
    if (at === rdata.length && i > 0) return completed(rdata, kinds.slice(i))
    at = fieldEnd(kind, rdata, at, offset)
  }
  if (at !== rdata.length) throw new WireError('bad-rdata', offset, 'rdata with octets behind its last field')
  return rdata
}

function completed(rdata: Uint8Array, missing: readonly Kind[]): Uint8Array {
  const fields = missing.map(emptyField)
  return fields.every((field) => field.length === 0) ? rdata : join([rdata, ...fields])
}

function emptyField(kind: Kind): Uint8Array {
  const fixed = FIXED.get(kind)
  if (fixed !== undefined) return new Uint8Array(fixed)
  if (kind === 'counted16') return new Uint8Array(2)
  return new Uint8Array(COUNTED.has(kind) || kind === 'name' ? 1 : 0)
}

/** The offset behind a field; rest fields end with the rdata. */
function fieldEnd(kind: Kind, rdata: Uint8Array, at: number, offset: number): number {
  const end = knownEnd(kind, rdata, at, offset)
  if (end > rdata.length) throw new WireError('bad-rdata', offset, 'rdata that ends inside a field')
  return end
}

function knownEnd(kind: Kind, rdata: Uint8Array, at: number, offset: number): number {
  const fixed = FIXED.get(kind)
  if (fixed !== undefined) return at + fixed
  if (COUNTED.has(kind)) return at < rdata.length ? at + 1 + rdata[at]! : at + 1
  if (kind === 'counted16') return counted16End(rdata, at)
  if (kind === 'name') return readName(rdata, at).next
  if (kind === 'strings') return stringsEnd(rdata, at)
  if (kind === 'types') checkTypes(rdata, at, offset)
  if (kind === 'params') checkParams(rdata, at, offset)
  return rdata.length
}

/** The length may be the last of the rdata, whatever it says. */
function counted16End(rdata: Uint8Array, at: number): number {
  const begin = at + 2
  return begin >= rdata.length ? begin : begin + ((rdata[at]! << 8) | rdata[at + 1]!)
}

function stringsEnd(rdata: Uint8Array, from: number): number {
  let at = from
  while (at < rdata.length) at += 1 + rdata[at]!
  return at
}

/** Windows in ascending order, each of 1 to 32 octets (RFC 4034 4.1.2). */
function checkTypes(rdata: Uint8Array, from: number, offset: number): void {
  let last = -1
  for (let at = from; at < rdata.length;) {
    const window = rdata[at]!
    const length = rdata[at + 1] ?? 0
    if (window <= last || length === 0 || length > 32 || at + 2 + length > rdata.length) throw new WireError('bad-rdata', offset, 'a malformed type bitmap')
    last = window
    at += 2 + length
  }
}

/** Whether a service parameter's value is sound, by its key (RFC 9460 7). Others hold anything. */
const PARAM_CHECKS: ReadonlyMap<number, (value: Uint8Array) => boolean> = new Map<number, (value: Uint8Array) => boolean>([
  [0, (value) => value.length % 2 === 0],
  [1, (value) => stringsEnd(value, 0) === value.length],
  [2, (value) => value.length === 0],
  [3, (value) => value.length === 2],
  [4, (value) => value.length > 0 && value.length % 4 === 0],
  [6, (value) => value.length > 0 && value.length % 16 === 0],
  [8, (value) => value.length === 0],
  [65_535, () => false],
])

/** Keys in ascending order, each with a length that fits (RFC 9460 2.2). */
function checkParams(rdata: Uint8Array, from: number, offset: number): void {
  let last = -1
  for (let at = from; at < rdata.length;) {
    const key = (rdata[at]! << 8) | (rdata[at + 1] ?? 0)
    const end = at + 4 + (((rdata[at + 2] ?? 0) << 8) | (rdata[at + 3] ?? 0))
    if (at + 4 > rdata.length || end > rdata.length || key <= last || PARAM_CHECKS.get(key)?.(rdata.subarray(at + 4, end)) === false) {
      throw new WireError('bad-rdata', offset, 'malformed service parameters')
    }
    last = key
    at = end
  }
}
