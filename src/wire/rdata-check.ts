import { TYPE } from './codes.ts'
import { WireError } from './wire-error.ts'

/** Octets that rdata of a type has exactly, once its names are expanded. */
const EXACT = new Map<number, number>([[TYPE.A, 4], [TYPE.AAAA, 16], [TYPE.EUI48, 6], [TYPE.EUI64, 8]])
/** Octets that rdata of a type has at least. */
const LEAST = new Map<number, number>([
  [TYPE.SOA, 22], [TYPE.MX, 3], [TYPE.SRV, 7], [TYPE.DS, 4], [TYPE.CDS, 4], [TYPE.DNSKEY, 4], [TYPE.CDNSKEY, 4], [TYPE.RRSIG, 19],
  [TYPE.NSEC3, 6], [TYPE.NSEC3PARAM, 5], [TYPE.TLSA, 3], [TYPE.SSHFP, 2], [TYPE.CAA, 2], [TYPE.URI, 4], [TYPE.SVCB, 3], [TYPE.HTTPS, 3],
])
/** Types made of character strings only, each with its length octet. */
const STRINGS = new Set<number>([TYPE.TXT, TYPE.SPF, TYPE.HINFO, TYPE.AVC, TYPE.NINFO, TYPE.RESINFO])

/** Refuses rdata whose fields cannot be read, so that nothing behind the reader has to. Empty rdata passes (RFC 2136 uses it). */
export function checkRdata(type: number, rdata: Uint8Array, offset: number): void {
  if (rdata.length === 0) return
  const exact = EXACT.get(type)
  if (exact !== undefined && rdata.length !== exact) throw new WireError('bad-rdata', offset, `rdata of ${rdata.length} octets where the type has ${exact}`)
  const least = LEAST.get(type)
  if (least !== undefined && rdata.length < least) throw new WireError('bad-rdata', offset, `rdata of ${rdata.length} octets where the type has at least ${least}`)
  if (STRINGS.has(type)) checkStrings(rdata, offset)
}

function checkStrings(rdata: Uint8Array, offset: number): void {
  let at = 0
  while (at < rdata.length) at += 1 + rdata[at]!
  if (at !== rdata.length) throw new WireError('bad-rdata', offset, 'a character string longer than its rdata')
}
