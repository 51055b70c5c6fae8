import { formatIp } from '../../base/ip.ts'
import { HOST_TEXT } from './writer.ts'

/** Reads what RecordWriter writes, field by field. One reader serves many records: `begin` sets it to one. */
export class RecordReader {
  bytes: Buffer = Buffer.alloc(0)
  at = 0

  begin(bytes: Buffer, at: number): this {
    this.bytes = bytes
    this.at = at
    return this
  }

  /** Throws RangeError at the end of the memory, which a sound record does not reach. */
  octet(): number {
    const octet = this.bytes[this.at++]
    if (octet === undefined) throw new RangeError('a record that is cut short')
    return octet
  }

  word(): number {
    this.at += 2
    return (this.bytes[this.at - 2]! << 8) | this.bytes[this.at - 1]!
  }

  count(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const octet = this.octet()
      if (shift > 28) throw new RangeError('a count of more than 32 bits')
      value |= (octet & 0x7f) << shift
      if (octet < 0x80) return value
    }
  }

  text(): string {
    const length = this.count()
    if (length === 0) return ''
    this.at += length
    return this.bytes.toString('utf8', this.at - length, this.at)
  }

  label(): string {
    const length = this.octet()
    this.at += length
    return this.bytes.toString('latin1', this.at - length, this.at)
  }

  host(): string {
    const form = this.octet()
    if (form === HOST_TEXT) return this.text()
    this.at += form
    return formatIp(this.bytes.subarray(this.at - form, this.at))
  }

  /** Where the octets of a text begin; they end where the reader is then. */
  span(): number {
    const length = this.count()
    this.at += length
    return this.at - length
  }

  /** Behind a text, without reading it. */
  skipText(): void {
    const length = this.count()
    this.at += length
  }

  /** Behind a host. */
  skipHost(): void {
    const form = this.octet()
    if (form === HOST_TEXT) this.skipText()
    else this.at += form
  }
}
