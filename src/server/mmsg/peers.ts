import { formatIp } from '../../base/ip.ts'
import type { Peer } from '../../core/query.ts'
import { decodeSocketAddress } from '../../native/socket-address.ts'

/** The client of the query that is being looked at, by its sockaddr where that lies; good for no longer. */
export class PassingPeer implements Peer {
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  family: 1 | 2 = 1

  see(bytes: Uint8Array, at: number, family: 1 | 2): void {
    this.#bytes = bytes
    this.#at = at
    this.family = family
  }

  get address(): string {
    return formatIp(decodeSocketAddress(this.#bytes, this.#at).address)
  }

  get port(): number {
    return decodeSocketAddress(this.#bytes, this.#at).port
  }
}

/** struct sockaddr in an envelope: behind its two lengths. */
const NAME_WORD = 2
const NAME_BYTES = 28

/** Shows the client of an envelope at a word of `words`, whose memory `bytes` is too. */
export function passingPeer(peer: PassingPeer, bytes: Uint8Array, words: Int32Array, envelopeAt: number): void {
  const name = envelopeAt + NAME_WORD
  peer.see(bytes, name * 4, isIpv4(words, name) ? 1 : 2)
}

/** The same as an object that may be kept. */
export function lastingPeer(bytes: Uint8Array, envelopeAt: number): SocketPeer {
  const name = (envelopeAt + NAME_WORD) * 4
  return new SocketPeer(bytes.subarray(name, name + NAME_BYTES))
}

/** IPv4, or IPv4 mapped into IPv6. */
function isIpv4(words: Int32Array, name: number): boolean {
  return (words[name]! & 0xffff) === 2 || (words[name + 2] === 0 && words[name + 3] === 0 && words[name + 4] === (0xffff0000 | 0))
}

/** A client by its sockaddr; the text of the address is made when somebody asks for it. */
export class SocketPeer implements Peer {
  readonly port: number
  readonly #bytes: Uint8Array
  #text: string | undefined

  /** `name` is copied. */
  constructor(name: Uint8Array) {
    const { address, port } = decodeSocketAddress(name)
    this.#bytes = address
    this.port = port
  }

  get address(): string {
    this.#text ??= formatIp(this.#bytes)
    return this.#text
  }

  get family(): 1 | 2 {
    return this.#bytes.length === 4 || this.#isMapped() ? 1 : 2
  }

  #isMapped(): boolean {
    return this.#bytes[10] === 0xff && this.#bytes[11] === 0xff && this.#bytes.subarray(0, 10).every((octet) => octet === 0)
  }
}
