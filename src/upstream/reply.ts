import { decodeMessage } from '../wire/decode.ts'
import { EDNS } from '../wire/edns.ts'
import { Message, WireError, type EdnsOption, type Question } from '../wire/message.ts'
import { Expansion } from '../wire/expansion.ts'
import { equalNames } from '../wire/name.ts'
import type { Network } from './call.ts'

/** Whose records are looked at, of the replies of this thread. */
const expansion = new Expansion()
/** The octets that `expansion` has read last. */
let expanded: Uint8Array | undefined

/** What an upstream answered. Octets as long as the call lasts that brought it; the message is made when somebody asks for it. */
export class UpstreamReply {
  readonly octets: Uint8Array
  /** All 12 bits. */
  readonly rcode: number
  readonly #common: boolean
  #message: Message | undefined

  /** With a message: the octets are none of the common kind, or nobody wants them. */
  constructor(octets: Uint8Array, rcode: number, message?: Message) {
    this.octets = octets
    this.rcode = rcode
    this.#common = message === undefined
    this.#message = message
  }

  get message(): Message {
    return this.#message ??= decodeMessage(this.octets)
  }

  /** Its records in full, good until another reply is looked at; undefined when they are none of the common kind. */
  expand(): Expansion | undefined {
    return this.#common && expandOnce(this.octets) ? expansion : undefined
  }
}

/** A reply that need not become a message. Undefined: it needs `readReply`. */
export function expandReply(bytes: Uint8Array, network: Network, limit: number): UpstreamReply | undefined {
  if ((network === 'udp' && bytes.length > limit) || !expandOnce(bytes)) return undefined
  return new UpstreamReply(bytes, expansion.flags & 0xf)
}

function expandOnce(bytes: Uint8Array): boolean {
  if (expanded === bytes) return true
  expanded = expansion.read(bytes) ? bytes : undefined
  return expanded !== undefined
}

/**
 * The message in a reply, or undefined when it cannot be read. A datagram is read as far as `limit`, as whoever asked had room for no
 * more; one that was cut off in the middle is a truncated answer.
 */
export function readReply(bytes: Uint8Array, network: Network, limit: number): Message | undefined {
  try {
    return decodeMessage(network === 'udp' && bytes.length > limit ? bytes.subarray(0, limit) : bytes)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    if (network !== 'udp' || error.code !== 'short' || error.partial === undefined) return undefined
    return cutOff(error.partial)
  }
}

function cutOff(partial: Message): Message {
  const message = Object.assign(new Message(), partial)
  message.answers = []
  message.authorities = []
  message.additionals = []
  message.edns = undefined
  message.tc = true
  return message
}

/** Gives the question, and records of its name, the letters' case that the client wrote. */
export function restoreCase(reply: Message, asked: Question): void {
  reply.questions = [asked]
  reply.answers = reply.answers.map((record) => (equalNames(record.name, asked.name) ? { ...record, name: asked.name } : record))
}

export function withoutCookie(message: Message): Message {
  const { edns } = message
  if (edns === undefined || edns.options.every(isNoCookie)) return message
  return Object.assign(new Message(), message, { edns: { ...edns, options: edns.options.filter(isNoCookie) } })
}

export function isNoCookie(option: EdnsOption): boolean {
  return option.code !== EDNS.COOKIE
}
