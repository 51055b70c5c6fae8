import { TYPE } from './codes.ts'
import type { Edns, ResourceRecord } from './message.ts'

const OPT_BYTES = 11

/** Octets of the OPT record, 0 without one. */
export function ednsLength(edns: Edns | undefined): number {
  if (edns === undefined) return 0
  return edns.options.reduce((sum, option) => sum + 4 + option.data.length, OPT_BYTES)
}

/** The OPT as a record: size in the class, rcode, version and flags in the TTL (RFC 6891 6.1.2). */
export function optRecord(edns: Edns, rcode: number): ResourceRecord {
  const rdata = new Uint8Array(ednsLength(edns) - OPT_BYTES)
  let at = 0
  for (const option of edns.options) {
    rdata[at] = option.code >> 8
    rdata[at + 1] = option.code & 0xff
    rdata[at + 2] = option.data.length >> 8
    rdata[at + 3] = option.data.length & 0xff
    rdata.set(option.data, at + 4)
    at += 4 + option.data.length
  }
  const flags = (edns.do ? 0x8000 : 0) | (edns.z & 0x7fff)
  const ttl = ((rcode >> 4) & 0xff) * 0x1000000 + edns.version * 0x10000 + flags
  return { name: '.', type: TYPE.OPT, class: edns.udpSize, ttl, rdata }
}
