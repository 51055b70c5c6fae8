import type { Message, ResourceRecord } from './message.ts'
import { wireLength } from './name.ts'
import { ednsLength } from './opt.ts'
import { Writer } from './writer.ts'

const HEADER_BYTES = 12
const RECORD_BYTES = 10
/** UDP replies above these are compressed even where the client would take them plain: IPv4 and IPv6 without fragments. */
const PLAIN_UDP_BYTES = { 1: 1480, 2: 1220 } as const

export interface FitOptions {
  /** Octets that the client takes. */
  readonly limit: number
  readonly udp: boolean
  /** 1 for IPv4, 2 for IPv6. */
  readonly family: 1 | 2
}

/** Octets of the uncompressed encoding. */
export function messageLength(message: Message): number {
  let length = HEADER_BYTES
  for (const question of message.questions) length += wireLength(question.name) + 4
  length += recordsLength(message.answers) + recordsLength(message.authorities) + recordsLength(message.additionals)
  return length + ednsLength(message.edns)
}

/** The octets of a message, in memory of the caller's own. Throws WireError for a name or rcode without a wire form. */
export function encodeMessage(message: Message, options: { readonly compress?: boolean } = {}): Uint8Array {
  const writer = new Writer(message, options.compress === true)
  for (const record of message.answers) writer.record(record)
  for (const record of message.authorities) writer.record(record)
  for (const record of message.additionals) writer.record(record)
  return writer.finish(message.answers.length, message.authorities.length, message.additionals.length)
}

/**
 * The octets of a reply within its client's limit (specification 2.4, 11.3): plain if that fits, else compressed, else cut.
 * Records stay in order while they fit; the first that does not is dropped with everything behind it, and TC is set.
 */
export function fitReply(message: Message, options: FitOptions): Uint8Array {
  const length = messageLength(message)
  if (length <= options.limit) {
    const compress = options.udp && length > PLAIN_UDP_BYTES[options.family]
    return encodeMessage(message, { compress })
  }
  return truncate(message, options.limit)
}

function truncate(message: Message, limit: number): Uint8Array {
  const writer = new Writer(message, true)
  const budget = limit - ednsLength(message.edns)
  const kept = [0, 0, 0]
  let cut = false
  for (const [i, section] of [message.answers, message.authorities, message.additionals].entries()) {
    for (const record of section) {
      cut ||= !writer.recordWithin(record, budget)
      if (cut) break
      kept[i]!++
    }
  }
  return writer.finish(kept[0]!, kept[1]!, kept[2]!, cut)
}

function recordsLength(records: readonly ResourceRecord[]): number {
  let length = 0
  for (const record of records) length += wireLength(record.name) + RECORD_BYTES + record.rdata.length
  return length
}
