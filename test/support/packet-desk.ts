/** Questions, replies and what a worker's side of the packet cache makes of them, for tests and benchmarks without sockets. */
import { QuickQuestion } from '../../src/core/quick-question.ts'
import { QuickReply } from '../../src/core/quick-reply.ts'
import type { Kept } from '../../src/core/quick.ts'
import type { PacketReader } from '../../src/server/mmsg/packet-reader.ts'
import type { PacketStore, Site } from '../../src/server/mmsg/packet-store.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message } from '../../src/wire/message.ts'

export const SITE: Site = { scope: 1, row: 0, shuffles: false, udpSizeLimit: 0xffff }

/** A query in memory that is aligned as a datagram's is. */
export function packetFor(name: string, id = 1): { readonly bytes: Uint8Array; readonly words: Int32Array; readonly length: number } {
  const message = new Message()
  message.id = id
  message.rd = true
  message.questions = [{ name, type: 1, class: 1 }]
  const octets = encodeMessage(message)
  const memory = new ArrayBuffer((octets.length + 11) & ~7)
  const bytes = new Uint8Array(memory)
  bytes.set(octets)
  return { bytes, words: new Int32Array(memory), length: octets.length }
}

/** Stores `records` addresses that all consist of `octet`. */
export function store(packets: PacketStore, name: string, records: number, octet: number, site = SITE): Kept {
  const packet = packetFor(name)
  const question = new QuickQuestion()
  question.read(packet.bytes, 0, packet.length)
  const reply = new QuickReply()
  reply.begin(question)
  reply.answers = records
  const record = Uint8Array.of(...question.name.slice(0, question.nameLength), 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, octet, octet, octet, octet)
  for (let i = 0; i < records; i++) reply.append(record)
  const kept: Kept = { untilMs: Infinity, storedMs: 0, ttl: 60, authentic: false, denial: false, pauseMs: 0, places: [] }
  packets.put(question, reply, kept, site)
  return kept
}

const question = new QuickQuestion()
const memory = new ArrayBuffer(2048)
/** Where `answer` puts replies. */
export const out = { bytes: new Uint8Array(memory), words: new Int32Array(memory) }

/** Octets of the reply; 0 when there is none. */
export function answer(reader: PacketReader, packet: ReturnType<typeof packetFor>, scope = 1): number {
  question.read(packet.bytes, 0, packet.length)
  return reader.answer(question, packet, scope, 1000, out, 0)
}
