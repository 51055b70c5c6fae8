import { TYPE } from './codes.ts'

/**
 * Where names stand in rdata: fixed octets before the first name, how many names follow each other, and whether they may be
 * compressed when written (RFC 3597 4: only in the types of RFC 1035). All of them are expanded when read.
 */
export interface NameLayout {
  /** Octets before the names; for NAPTR, whose strings vary, see `namesAt`. */
  readonly before: number
  readonly names: 1 | 2
  readonly compress: boolean
}

const one = (before: number, compress: boolean): NameLayout => ({ before, names: 1, compress })
const two = (before: number, compress: boolean): NameLayout => ({ before, names: 2, compress })

export const NAME_LAYOUTS: ReadonlyMap<number, NameLayout> = new Map<number, NameLayout>([
  [TYPE.NS, one(0, true)], [TYPE.MD, one(0, true)], [TYPE.MF, one(0, true)], [TYPE.CNAME, one(0, true)], [TYPE.SOA, two(0, true)],
  [TYPE.MB, one(0, true)], [TYPE.MG, one(0, true)], [TYPE.MR, one(0, true)], [TYPE.PTR, one(0, true)], [TYPE.MINFO, two(0, true)],
  [TYPE.MX, one(2, true)], [TYPE.RP, two(0, false)], [TYPE.AFSDB, one(2, false)], [TYPE.RT, one(2, false)], [TYPE['NSAP-PTR'], one(0, false)],
  [TYPE.PX, two(2, false)], [TYPE.SRV, one(6, false)], [TYPE.KX, one(2, false)], [TYPE.DNAME, one(0, false)], [TYPE.TALINK, two(0, false)],
  [TYPE.RRSIG, one(18, false)], [TYPE.SIG, one(18, false)], [TYPE.NSEC, one(0, false)], [TYPE.LP, one(2, false)],
  [TYPE.TKEY, one(0, false)], [TYPE.TSIG, one(0, false)], [TYPE.NAPTR, one(4, false)], [TYPE.SVCB, one(2, false)], [TYPE.HTTPS, one(2, false)],
])

/** Offset of the first name in rdata that stands at `at`..`end`. Past `end` when the rdata is too short. */
export function namesAt(type: number, layout: NameLayout, bytes: Uint8Array, at: number, end: number): number {
  let first = at + layout.before
  if (type !== TYPE.NAPTR) return first
  for (let i = 0; i < 3 && first < end; i++) first += 1 + bytes[first]!
  return first
}
