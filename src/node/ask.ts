import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { CLASS } from '../wire/codes.ts'
import { decodeMessage } from '../wire/decode.ts'
import { encodeMessage } from '../wire/encode.ts'
import { Message, WireError } from '../wire/message.ts'
import { equalNames, type Name } from '../wire/name.ts'

const TIMEOUT_MS = 2000
const TRIES = 2

export interface Server {
  readonly address: string
  readonly port: number
}

/** One question over UDP, with nothing of the resolver in between. Undefined when there is no answer. */
export async function ask(server: Server, name: Name, type: number): Promise<Message | undefined> {
  for (let i = 0; i < TRIES; i++) {
    const reply = await askOnce(server, name, type)
    if (reply !== undefined) return reply
  }
  return undefined
}

function askOnce(server: Server, name: Name, type: number): Promise<Message | undefined> {
  const request = new Message()
  request.id = randomInt(0x10000)
  request.rd = true
  request.questions = [{ name, type, class: CLASS.IN }]
  const socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    const done = (reply: Message | undefined) => {
      clearTimeout(timer)
      socket.removeAllListeners('message')
      socket.close()
      resolve(reply)
    }
    const timer = setTimeout(() => done(undefined), TIMEOUT_MS)
    // Unreachable, refused: others may answer, so the time decides.
    socket.on('error', () => undefined)
    socket.on('message', (packet) => {
      const reply = decoded(packet)
      if (reply?.id === request.id && reply.qr && equalNames(reply.questions[0]?.name ?? '', name)) done(reply)
    })
    socket.connect(server.port, server.address, () => socket.send(encodeMessage(request)))
  })
}

/** Undefined for what is no message. */
export function decoded(packet: Uint8Array): Message | undefined {
  try {
    return decodeMessage(packet)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return undefined
  }
}
