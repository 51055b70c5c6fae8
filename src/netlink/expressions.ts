import { attribute, bigUint32Attribute, nested, textAttribute } from './attributes.ts'

/** nftables expressions as `nft --debug=netlink` prints them (linux/netfilter/nf_tables.h). A rule is a list of these. */
export type Expression = Buffer

const REGISTER = 1
const LIST_ELEM = 1
const META = { NFPROTO: 15, L4PROTO: 16 } as const
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

function compare(value: Uint8Array): Expression {
  return expression('cmp', bigUint32Attribute(1, REGISTER), bigUint32Attribute(2, 0), nested(3, attribute(1, value)))
}

function immediate(register: number, value: Uint8Array): Expression {
  return expression('immediate', bigUint32Attribute(1, register), nested(2, attribute(1, value)))
}

function expression(name: string, ...data: readonly Buffer[]): Expression {
  return nested(LIST_ELEM, textAttribute(1, name), nested(2, ...data))
}

function portBytes(port: number): Buffer {
  return Buffer.of(port >> 8, port & 0xff)
}
