import { decodeMessage } from '../wire/decode.ts'
import { EDNS } from '../wire/edns.ts'
import { Message, WireError, type EdnsOption, type Question } from '../wire/message.ts'
import { equalNames } from '../wire/name.ts'
import type { Network } from './call.ts'

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
