import type { TlsOptions } from 'node:tls'
import { decodeMessage } from '../../src/wire/decode.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message } from '../../src/wire/message.ts'
import { parseRecord } from '../../src/wire/record.ts'
import { DnsListener, type Received } from './dns-listener.ts'
import { freePort } from './ports.ts'

/** A question as it came, and the ways to answer it. */
export interface Asked extends Pick<Received, 'protocol' | 'from' | 'send' | 'hangUp'> {
  readonly query: Message
  /** A reply to the question with these records, changed by `edit`. */
  answer(records: readonly string[], edit?: (reply: Message) => void): void
  /** The same from another port: what a spoofer off the path would send. */
  spoof(records: readonly string[], edit?: (reply: Message) => void): void
}

export interface UpstreamOptions {
  readonly tls?: TlsOptions
  readonly tcp?: boolean
  /** Default: a free one. */
  readonly port?: number
}

/** A server on loopback that does what the test says with each question. */
export class ScriptedUpstream {
  readonly port: number
  readonly asked: Asked[] = []
  readonly #listener: DnsListener

  private constructor(port: number, listener: DnsListener) {
    this.port = port
    this.#listener = listener
  }

  static async open(script: (asked: Asked) => void, options: UpstreamOptions = {}): Promise<ScriptedUpstream> {
    const port = options.port ?? await freePort()
    const listener = await DnsListener.open(port, (received) => {
      const query = decodeMessage(received.packet)
      const asked: Asked = {
        ...received, query,
        answer: (records, edit) => received.send(replyTo(query, records, edit)),
        spoof: (records, edit) => received.spoof(replyTo(query, records, edit)),
      }
      upstream.asked.push(asked)
      script(asked)
    }, options.tls, options.tcp)
    const upstream = new ScriptedUpstream(port, listener)
    return upstream
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Connections ever opened. */
  get connections(): number {
    return this.#listener.opened
  }

  /** Connections over TLS with a short handshake. */
  get resumed(): number {
    return this.#listener.resumed
  }

  close(): void {
    this.#listener.close()
  }
}

function replyTo(query: Message, records: readonly string[], edit: ((reply: Message) => void) | undefined): Uint8Array {
  const reply = new Message()
  Object.assign(reply, { id: query.id, qr: true, rd: query.rd, ra: true, questions: query.questions, answers: records.map((text) => parseRecord(text)) })
  edit?.(reply)
  return encodeMessage(reply)
}
