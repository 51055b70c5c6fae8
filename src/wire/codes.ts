/** Numbers and mnemonics of the DNS (IANA "Domain Name System (DNS) Parameters"), as miekg/dns prints them. */

export const TYPE = {
  None: 0, A: 1, NS: 2, MD: 3, MF: 4, CNAME: 5, SOA: 6, MB: 7, MG: 8, MR: 9, NULL: 10, PTR: 12, HINFO: 13, MINFO: 14, MX: 15, TXT: 16, RP: 17,
  AFSDB: 18, X25: 19, ISDN: 20, RT: 21, 'NSAP-PTR': 23, SIG: 24, KEY: 25, PX: 26, GPOS: 27, AAAA: 28, LOC: 29, NXT: 30, EID: 31, NIMLOC: 32,
  SRV: 33, ATMA: 34, NAPTR: 35, KX: 36, CERT: 37, DNAME: 39, OPT: 41, APL: 42, DS: 43, SSHFP: 44, IPSECKEY: 45, RRSIG: 46, NSEC: 47,
  DNSKEY: 48, DHCID: 49, NSEC3: 50, NSEC3PARAM: 51, TLSA: 52, SMIMEA: 53, HIP: 55, NINFO: 56, RKEY: 57, TALINK: 58, CDS: 59, CDNSKEY: 60,
  OPENPGPKEY: 61, CSYNC: 62, ZONEMD: 63, SVCB: 64, HTTPS: 65, SPF: 99, UINFO: 100, UID: 101, GID: 102, UNSPEC: 103, NID: 104, L32: 105,
  L64: 106, LP: 107, EUI48: 108, EUI64: 109, NXNAME: 128, TKEY: 249, TSIG: 250, IXFR: 251, AXFR: 252, MAILB: 253, MAILA: 254, ANY: 255,
  URI: 256, CAA: 257, AVC: 258, AMTRELAY: 260, RESINFO: 261, TA: 32768, DLV: 32769, Reserved: 65535,
} as const

export const CLASS = { IN: 1, CS: 2, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const

export const RCODE = {
  NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, YXDOMAIN: 6, YXRRSET: 7, NXRRSET: 8, NOTAUTH: 9, NOTZONE: 10,
  DSOTYPENI: 11, BADVERS: 16, BADKEY: 17, BADTIME: 18, BADMODE: 19, BADNAME: 20, BADALG: 21, BADTRUNC: 22, BADCOOKIE: 23,
} as const

export const OPCODE = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5 } as const

const TYPE_NAMES = namesOf(TYPE)
const CLASS_NAMES = namesOf(CLASS)
const RCODE_NAMES = namesOf(RCODE)

/** `A`, or `TYPE65280` for a type without a mnemonic (RFC 3597 5). */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`
}

export function hasTypeName(type: number): boolean {
  return TYPE_NAMES.has(type)
}

/** Any letter case; `TYPE123` too. */
export function parseType(text: string): number | undefined {
  return parseTypeName(text) ?? numbered(text, 'TYPE')
}

/** A mnemonic in any letter case. */
export function parseTypeName(text: string): number | undefined {
  return codeOf(TYPE, text)
}

/** `IN`, `ANY`; undefined for a class without a mnemonic. */
export function classMnemonic(code: number): string | undefined {
  return CLASS_NAMES.get(code)
}

/** `IN`; 255 is `CLASS255`, since `ANY` is a type's name too. */
export function className(code: number): string {
  return (code === CLASS.ANY ? undefined : CLASS_NAMES.get(code)) ?? `CLASS${code}`
}

/** Any letter case; `CLASS123` too. */
export function parseClass(text: string): number | undefined {
  return parseClassName(text) ?? numbered(text, 'CLASS')
}

/** A mnemonic in any letter case. */
export function parseClassName(text: string): number | undefined {
  return codeOf(CLASS, text)
}

export function rcodeName(rcode: number): string {
  return RCODE_NAMES.get(rcode) ?? `RCODE${rcode}`
}

/** A mnemonic in any letter case, or a decimal number up to 4095. */
export function parseRcode(text: string): number | undefined {
  const known = codeOf(RCODE, text)
  if (known !== undefined) return known
  return /^\d{1,4}$/.test(text) && Number(text) < 4096 ? Number(text) : undefined
}

function codeOf(table: Readonly<Record<string, number>>, text: string): number | undefined {
  const upper = text.toUpperCase()
  return Object.hasOwn(table, upper) ? table[upper] : undefined
}

function numbered(text: string, prefix: string): number | undefined {
  const match = new RegExp(`^${prefix}(\\d{1,5})$`, 'i').exec(text)
  return match !== null && Number(match[1]) < 65_536 ? Number(match[1]) : undefined
}

function namesOf(table: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(table).map(([name, code]) => [code, name]))
}
