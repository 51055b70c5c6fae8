import { attribute, bigUint32Attribute, bigUint64Attribute, nested, textAttribute } from './attributes.ts'

/** nftables expressions as `nft --debug=netlink` prints them (linux/netfilter/nf_tables.h). A rule is a list of these. */
export type Expression = Buffer

const REGISTER = 1
const LIST_ELEM = 1
const META = { MARK: 3, OIF: 5, NFPROTO: 15, L4PROTO: 16 } as const
const COMPARE = { EQUAL: 0, UNEQUAL: 1 } as const
/** Verdicts go into the register of their own. */
const VERDICT_REGISTER = 0
const NF_ACCEPT = 1
const DYNSET_UPDATE = 1
const NUMGEN_RANDOM = 1
/** The index of `lo` in every network namespace. */
const LOOPBACK_INDEX = 1
const NFPROTO = { 4: 2, 16: 10 } as const
export const L4 = { tcp: 6, udp: 17 } as const
export type L4Name = keyof typeof L4

/** The packet is of the family of an address of so many octets. Needed in `inet` tables before looking at addresses. */
export function familyIs(addressBytes: 4 | 16): Expression[] {
  return [meta(META.NFPROTO), compare(Buffer.of(NFPROTO[addressBytes]))]
}

export function protocolIs(name: L4Name): Expression[] {
  return [meta(META.L4PROTO), compare(Buffer.of(L4[name]))]
}

export function destinationIs(address: Uint8Array): Expression[] {
  return [payload(1, address.length === 4 ? 16 : 24, address.length), compare(address)]
}

export function sourceIs(address: Uint8Array): Expression[] {
  return [payload(1, address.length === 4 ? 12 : 8, address.length), compare(address)]
}

export function destinationPortIs(port: number): Expression[] {
  return [payload(2, 2, 2), compare(portBytes(port))]
}

export function sourcePortIs(port: number): Expression[] {
  return [payload(2, 0, 2), compare(portBytes(port))]
}

/** The mark of the packet, which is that of the socket it comes from. Host order, as `meta` gives it. */
export function markIs(mark: number): Expression[] {
  return [meta(META.MARK), compare(hostUint32(mark))]
}

export function leavesTheHost(): Expression[] {
  return [meta(META.OIF), compare(hostUint32(LOOPBACK_INDEX), COMPARE.UNEQUAL)]
}

/** As iptables-nft writes it in tables of one family: the header's own octet, which for IPv6 is that of the first next header. */
export function headerProtocolIs(name: L4Name, family: 4 | 16): Expression[] {
  return [payload(1, family === 4 ? 9 : 6, 1), compare(Buffer.of(L4[name]))]
}

/** The destination is in the set now; elements whose time has passed are not. */
export function destinationIn(set: string, addressBytes: 4 | 16): Expression[] {
  return [payload(1, addressBytes === 4 ? 16 : 24, addressBytes), expression('lookup', bigUint32Attribute(2, REGISTER), textAttribute(1, set))]
}

/** Puts the source into the set for so long, anew with every packet. */
export function keepSourceIn(set: string, addressBytes: 4 | 16, timeoutMs: number): Expression[] {
  return [
    payload(1, addressBytes === 4 ? 12 : 8, addressBytes),
    expression('dynset', bigUint32Attribute(4, REGISTER), bigUint32Attribute(3, DYNSET_UPDATE), bigUint64Attribute(6, timeoutMs), textAttribute(1, set)),
  ]
}

/** True for one packet in `modulus`, by chance. */
export function oneIn(modulus: number): Expression[] {
  return [
    expression('numgen', bigUint32Attribute(1, REGISTER), bigUint32Attribute(2, modulus), bigUint32Attribute(3, NUMGEN_RANDOM), bigUint32Attribute(4, 0)),
    compare(hostUint32(0)),
  ]
}

export function accept(): Expression {
  return expression('immediate', bigUint32Attribute(1, VERDICT_REGISTER), nested(2, nested(2, bigUint32Attribute(1, NF_ACCEPT))))
}

export function counter(): Expression {
  return expression('counter')
}

export function notrack(): Expression {
  return expression('notrack')
}

/** Sends the connection to another address and port. */
export function destinationNat(address: Uint8Array, port: number): Expression[] {
  const type = 1
  return [
    immediate(1, address),
    immediate(2, portBytes(port)),
    expression('nat', bigUint32Attribute(1, type), bigUint32Attribute(2, NFPROTO[address.length as 4 | 16]), bigUint32Attribute(3, 1), bigUint32Attribute(5, 2)),
  ]
}

export function masquerade(): Expression {
  return expression('masq')
}

function meta(key: number): Expression {
  return expression('meta', bigUint32Attribute(2, key), bigUint32Attribute(1, REGISTER))
}

function payload(base: number, offset: number, length: number): Expression {
  return expression('payload', bigUint32Attribute(1, REGISTER), bigUint32Attribute(2, base), bigUint32Attribute(3, offset), bigUint32Attribute(4, length))
}

function compare(value: Uint8Array, operation: number = COMPARE.EQUAL): Expression {
  return expression('cmp', bigUint32Attribute(1, REGISTER), bigUint32Attribute(2, operation), nested(3, attribute(1, value)))
}

function immediate(register: number, value: Uint8Array): Expression {
  return expression('immediate', bigUint32Attribute(1, register), nested(2, attribute(1, value)))
}

function expression(name: string, ...data: readonly Buffer[]): Expression {
  return nested(LIST_ELEM, textAttribute(1, name), nested(2, ...data))
}

function hostUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

function portBytes(port: number): Buffer {
  return Buffer.of(port >> 8, port & 0xff)
}
