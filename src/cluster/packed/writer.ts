import { formatIp, parseIp } from '../../base/ip.ts'

const encoder = new TextEncoder()

/** What a host is, before its octets: a text, or an address of 4 or 16 octets. */
export const HOST_TEXT = 0

/** Octets of one record, in memory that is used again for the next. */
export class RecordWriter {
  bytes: Uint8Array = new Uint8Array(4096)
  at = 0

  octet(value: number): void {
    this.#need(1)
    this.bytes[this.at++] = value
  }

  word(value: number): void {
    this.#need(2)
    this.bytes[this.at++] = value >> 8
    this.bytes[this.at++] = value & 0xff
  }

  /** Seven bits an octet, the lowest first; the highest bit says that more follow. */
  count(value: number): void {
    this.#need(5)
    let rest = value
    for (; rest > 0x7f; rest >>>= 7) this.bytes[this.at++] = (rest & 0x7f) | 0x80
    this.bytes[this.at++] = rest
  }

  text(text: string): void {
    for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return this.#encoded(encoder.encode(text))
    this.count(text.length)
    this.#need(text.length)
    for (let i = 0; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i)
  }

  /** A label of a key: a length octet, then ASCII text in lower case, as in a DNS name. */
  label(text: string): void {
    const length = Math.min(text.length, 255)
    this.#need(length + 1)
    this.bytes[this.at++] = length
    for (let i = 0; i < length; i++) this.bytes[this.at++] = lower(text.charCodeAt(i))
  }

  /** An address as 4 or 16 octets, if those read back as the same text; anything else as text. */
  host(text: string): void {
    const address = parseIp(text)
    // IPv4 is read in one form only.
    if (address === undefined || (address.length === 16 && formatIp(address) !== text)) {
      this.octet(HOST_TEXT)
      return this.text(text)
    }
    this.octet(address.length)
    this.#need(address.length)
    this.bytes.set(address, this.at)
    this.at += address.length
  }

  #encoded(bytes: Uint8Array): void {
    this.count(bytes.length)
    this.#need(bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  #need(octets: number): void {
    if (this.at + octets <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.at + octets))
    larger.set(this.bytes)
    this.bytes = larger
  }
}

function lower(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code | 0x20 : code
}
