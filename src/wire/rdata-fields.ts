import { TYPE } from './codes.ts'

/** How one field of rdata reads and writes, in the order of the fields. Fields marked (rest) take what is left. */
export type FieldKind =
  | 'u8' | 'u16' | 'u32' | 'ip4' | 'ip6' | 'name' | 'type'
  /** A character string: a length octet and up to 255 octets, quoted in text. */
  | 'string'
  /** (rest) One or more character strings. */
  | 'strings'
  /** (rest) Octets as one quoted text. */
  | 'quoted'
  /** A word with a length octet, not quoted: CAA's tag. */
  | 'word'
  /** (rest) Octets in upper-case or lower-case hexadecimal digits. */
  | 'HEX' | 'hex'
  /** (rest) */
  | 'base64'
  /** A length octet and octets in hexadecimal; `-` for none. */
  | 'salt'
  /** A length octet and octets in base32hex. */
  | 'base32'
  /** (rest) The type bitmap of RFC 4034 4.1.2. */
  | 'types'
  /** A 32-bit time as YYYYMMDDHHmmSS (RFC 4034 3.2). */
  | 'time'
  /** (rest) Service parameters of RFC 9460. */
  | 'params'

export const FIELDS: ReadonlyMap<number, readonly FieldKind[]> = new Map<number, readonly FieldKind[]>([
  [TYPE.A, ['ip4']],
  [TYPE.AAAA, ['ip6']],
  [TYPE.NS, ['name']],
  [TYPE.CNAME, ['name']],
  [TYPE.DNAME, ['name']],
  [TYPE.PTR, ['name']],
  [TYPE.SOA, ['name', 'name', 'u32', 'u32', 'u32', 'u32', 'u32']],
  [TYPE.MX, ['u16', 'name']],
  [TYPE.TXT, ['strings']],
  [TYPE.SPF, ['strings']],
  [TYPE.HINFO, ['string', 'string']],
  [TYPE.SRV, ['u16', 'u16', 'u16', 'name']],
  [TYPE.NAPTR, ['u16', 'u16', 'string', 'string', 'string', 'name']],
  [TYPE.CAA, ['u8', 'word', 'quoted']],
  [TYPE.URI, ['u16', 'u16', 'quoted']],
  [TYPE.DS, ['u16', 'u8', 'u8', 'HEX']],
  [TYPE.CDS, ['u16', 'u8', 'u8', 'HEX']],
  [TYPE.DNSKEY, ['u16', 'u8', 'u8', 'base64']],
  [TYPE.CDNSKEY, ['u16', 'u8', 'u8', 'base64']],
  [TYPE.RRSIG, ['type', 'u8', 'u8', 'u32', 'time', 'time', 'u16', 'name', 'base64']],
  [TYPE.NSEC, ['name', 'types']],
  [TYPE.NSEC3, ['u8', 'u8', 'u16', 'salt', 'base32', 'types']],
  [TYPE.NSEC3PARAM, ['u8', 'u8', 'u16', 'salt']],
  [TYPE.TLSA, ['u8', 'u8', 'u8', 'hex']],
  [TYPE.SMIMEA, ['u8', 'u8', 'u8', 'hex']],
  [TYPE.SSHFP, ['u8', 'u8', 'HEX']],
  [TYPE.SVCB, ['u16', 'name', 'params']],
  [TYPE.HTTPS, ['u16', 'name', 'params']],
  [TYPE.AFSDB, ['u16', 'name']],
  [TYPE.RP, ['name', 'name']],
  [TYPE.KX, ['u16', 'name']],
  [TYPE.OPENPGPKEY, ['base64']],
])
