import { TYPE } from './codes.ts'
import { nameToWire, readName, type Name } from './name.ts'
import { NAME_LAYOUTS, namesAt } from './rdata-names.ts'

/** Typed reading and building of rdata for the types that stages look into. Readers expect rdata as `decodeMessage` yields it. */

export interface Soa {
  readonly mname: Name
  readonly rname: Name
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  readonly minimum: number
}

export interface Srv {
  readonly priority: number
  readonly weight: number
  readonly port: number
  readonly target: Name
}

export function nameRdata(name: Name): Uint8Array {
  return nameToWire(name)
}

export function soaRdata(soa: Soa): Uint8Array {
  const numbers = new Uint8Array(20)
  const view = new DataView(numbers.buffer)
  ;[soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum].forEach((value, i) => view.setUint32(4 * i, value))
  return join([nameToWire(soa.mname), nameToWire(soa.rname), numbers])
}

export function readSoa(rdata: Uint8Array): Soa {
  const mname = readName(rdata, 0)
  const rname = readName(rdata, mname.next)
  const at = (i: number) => uint32(rdata, rname.next + 4 * i)
  return { mname: mname.name, rname: rname.name, serial: at(0), refresh: at(1), retry: at(2), expire: at(3), minimum: at(4) }
}

export function srvRdata(srv: Srv): Uint8Array {
  return join([words(srv.priority, srv.weight, srv.port), nameToWire(srv.target)])
}

export function readSrv(rdata: Uint8Array): Srv {
  return { priority: uint16(rdata, 0), weight: uint16(rdata, 2), port: uint16(rdata, 4), target: readName(rdata, 6).name }
}

export function mxRdata(preference: number, exchange: Name): Uint8Array {
  return join([words(preference), nameToWire(exchange)])
}

/** Each string up to 255 octets of UTF-8. */
export function txtRdata(strings: readonly string[]): Uint8Array {
  return join(strings.map((text) => {
    const octets = new TextEncoder().encode(text)
    if (octets.length > 255) throw new RangeError(`a character string of ${octets.length} octets; at most 255 fit`)
    return join([Uint8Array.of(octets.length), octets])
  }))
}

/** The name that a record leads to: the last name in its rdata; undefined for types without one. */
export function targetOf(type: number, rdata: Uint8Array): Name | undefined {
  const layout = NAME_LAYOUTS.get(type)
  if (layout === undefined || layout.names !== 1 || rdata.length === 0) return undefined
  return readName(rdata, namesAt(type, layout, rdata, 0, rdata.length)).name
}

/** The same rdata with another target; types without a target as they are. */
export function withTarget(type: number, rdata: Uint8Array, target: Name): Uint8Array {
  const layout = NAME_LAYOUTS.get(type)
  if (layout === undefined || layout.names !== 1 || rdata.length === 0) return rdata
  const start = namesAt(type, layout, rdata, 0, rdata.length)
  const { next } = readName(rdata, start)
  return join([rdata.subarray(0, start), nameToWire(target), rdata.subarray(next)])
}

/** Type covered and expiration (seconds since the epoch) of an RRSIG. */
export function readRrsig(rdata: Uint8Array): { readonly covered: number; readonly expiration: number; readonly inception: number } {
  return { covered: uint16(rdata, 0), expiration: uint32(rdata, 8), inception: uint32(rdata, 12) }
}

export function isAddress(type: number): boolean {
  return type === TYPE.A || type === TYPE.AAAA
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(2 * values.length)
  values.forEach((value, i) => {
    bytes[2 * i] = value >> 8
    bytes[2 * i + 1] = value & 0xff
  })
  return bytes
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function uint32(bytes: Uint8Array, at: number): number {
  return uint16(bytes, at) * 0x10000 + uint16(bytes, at + 2)
}
