import type { Random } from '../core/env.ts'
import { TYPE } from '../wire/codes.ts'
import { decodeMessage } from '../wire/decode.ts'
import { EDNS } from '../wire/edns.ts'
import { WireError } from '../wire/message.ts'
import { optRecord } from '../wire/opt.ts'
import { join } from '../wire/rdata.ts'
import type { Request } from './request.ts'

const CLIENT_BYTES = 8
const ANSWER_COUNT_AT = 6
const ADDITIONAL_COUNT_AT = 10
const PLAIN_OPT = { udpSize: 0, version: 0, do: false, z: 0 }
/** Answers of this size come in one piece (DNS flag day 2020). */
const UDP_BYTES = 1232
/** An OPT without options, for questions that have none. */
const OPT = Uint8Array.of(0, 0, TYPE.OPT, UDP_BYTES >> 8, UDP_BYTES & 0xff, 0, 0, 0, 0, 0, 0)

/**
 * DNS cookies with one upstream (RFC 7873). Every question carries ours; once the upstream has sent its own along, answers over UDP
 * without ours are not its answers.
 */
export class CookieJar {
  readonly #client: Uint8Array
  #server: Uint8Array = new Uint8Array(0)

  constructor(random: Random) {
    this.#client = Uint8Array.from({ length: CLIENT_BYTES }, () => random.int(256))
  }

  /** The question with our cookie and, if it is known, the upstream's. Questions that carry other records than an OPT go as they are. */
  dress(request: Request): Request {
    const { packet, questionEnd } = request
    const withOpt = packet.length > questionEnd
    if (withOpt && !hasOnlyOpt(packet, questionEnd)) return request
    const cookie = Uint8Array.from([...this.#client, ...this.#server])
    const option = optRecord({ ...PLAIN_OPT, options: [{ code: EDNS.COOKIE, data: cookie }] }, 0).rdata
    const octets = join([withOpt ? packet : join([packet, OPT]), option])
    octets[ADDITIONAL_COUNT_AT + 1] = 1
    const lengthAt = questionEnd + OPT.length - 2
    const length = ((octets[lengthAt]! << 8) | octets[lengthAt + 1]!) + option.length
    octets[lengthAt] = length >> 8
    octets[lengthAt + 1] = length & 0xff
    return { ...request, packet: octets, datagramBytes: Math.max(request.datagramBytes, UDP_BYTES), proves: (reply) => this.#server.length === 0 || this.#read(reply) !== undefined }
  }

  /** Learns from a reply that is known to be the upstream's. Over TCP one without a cookie says that it speaks of cookies no more. */
  learn(reply: Uint8Array, network: string): void {
    const server = this.#read(reply)
    if (server !== undefined) this.#server = server
    else if (network !== 'udp') this.#server = new Uint8Array(0)
  }

  /** The upstream's cookie in a reply that has ours; undefined for any other reply. */
  #read(reply: Uint8Array): Uint8Array | undefined {
    try {
      const data = decodeMessage(reply).edns?.options.find((option) => option.code === EDNS.COOKIE)?.data
      if (data === undefined || data.length < 2 * CLIENT_BYTES || !this.#client.every((octet, i) => data[i] === octet)) return undefined
      return data.slice(CLIENT_BYTES)
    } catch (error) {
      if (error instanceof WireError) return undefined
      throw error
    }
  }
}

function hasOnlyOpt(packet: Uint8Array, questionEnd: number): boolean {
  const counts = [...packet.subarray(ANSWER_COUNT_AT, ADDITIONAL_COUNT_AT + 2)]
  return counts.join() === '0,0,0,0,0,1' && packet[questionEnd] === 0 && packet[questionEnd + 1] === 0 && packet[questionEnd + 2] === TYPE.OPT
}
