import { sameLower, sameOctets } from '../../cluster/packed/octets.ts'
import type { RecordReader } from '../../cluster/packed/reader.ts'

/** More than this is left to the ordinary way; so many records seldom fit a reply anyway. */
const HITS_LIMIT = 64
/** `255-255-255-255`. */
const V4_LABEL_LIMIT = 15

/** Where a label or a text lies: `length` octets from `at` on; of length 0 for none. */
export interface Span {
  bytes: Uint8Array
  at: number
  length: number
}

/** What of a service's endpoints is asked for; spans are in lower case, those of length 0 match everything. */
export interface Filter {
  readonly endpoint: Span
  readonly port: Span
  readonly protocol: Span
}

/**
 * The octets' form of `findHits`: the things that a name stands for, as places in the index's memory. One object is used for all
 * queries. `add…` say false for what only the ordinary way can answer.
 */
export class QuickHits {
  count = 0
  /** Where an address lies, and whether it has 4 or 16 octets. */
  readonly memory: Uint8Array[] = []
  readonly addressAt = new Int32Array(HITS_LIMIT)
  readonly addressLength = new Uint8Array(HITS_LIMIT)
  readonly port = new Int32Array(HITS_LIMIT)
  /** The endpoint's label: where it lies in `memory`, or -1 for the one made of the address. */
  readonly labelAt = new Int32Array(HITS_LIMIT)
  readonly labelLength = new Uint8Array(HITS_LIMIT)
  readonly #portNumbers = new Int32Array(HITS_LIMIT)
  #ports = 0
  readonly #made = new Uint8Array(V4_LABEL_LIMIT)

  clear(): void {
    this.count = 0
  }

  /** Cluster IPs with each port that is meant. The reader stands at the cluster IPs of a Service. */
  addService(service: RecordReader, filter: Filter): boolean {
    const ips = service.at
    for (let left = service.count(); left > 0; left--) service.skipHost()
    if (!this.#readPorts(service, filter)) return false
    for (let i = 0; i < this.#ports; i++) {
      service.at = ips
      for (let left = service.count(); left > 0; left--) {
        const length = service.octet()
        if (length === 0 || !this.add(service.bytes, service.at, length, this.#portNumbers[i]!, -1, 0)) return false
        service.at += length
      }
    }
    return true
  }

  /** Endpoints with each port that is meant. The reader stands at the ports of an EndpointSlice. */
  addSlice(slice: RecordReader, filter: Filter, podNames: boolean): boolean {
    if (!this.#readPorts(slice, filter)) return false
    for (let left = slice.count(); left > 0; left--) slice.skipText()
    for (let left = slice.count(); left > 0; left--) {
      const length = slice.octet()
      if (length === 0) return false
      const address = slice.at
      slice.at += length
      slice.count()
      const hostname = slice.span()
      const hostnameLength = slice.at - hostname
      const pod = slice.span()
      const podLength = podNames ? slice.at - pod : 0
      const label = hostnameLength > 0 ? hostname : podLength > 0 ? pod : -1
      const labelLength = hostnameLength > 0 ? hostnameLength : podLength
      if (filter.endpoint.length > 0) {
        const named = this.#isNamed(slice.bytes, label, labelLength, address, length, filter.endpoint)
        if (named === undefined) return false
        if (!named) continue
      }
      for (let i = 0; i < this.#ports; i++) if (!this.add(slice.bytes, address, length, this.#portNumbers[i]!, label, labelLength)) return false
    }
    return true
  }

  /** Writes the label that an IPv4 endpoint without a name has, and gives the offset behind it. */
  writeAddressLabel(bytes: Uint8Array, address: number, to: Uint8Array, at: number): number {
    let end = at
    for (let i = 0; i < 4; i++) {
      if (i > 0) to[end++] = 0x2d
      const octet = bytes[address + i]!
      if (octet >= 100) to[end++] = 0x30 + Math.floor(octet / 100)
      if (octet >= 10) to[end++] = 0x30 + (Math.floor(octet / 10) % 10)
      to[end++] = 0x30 + (octet % 10)
    }
    return end
  }

  /** Undefined: the label of an IPv6 address is left to the ordinary way. */
  #isNamed(bytes: Uint8Array, label: number, length: number, address: number, addressLength: number, wanted: Span): boolean | undefined {
    if (label >= 0) return length === wanted.length && sameLower(bytes, label, wanted.bytes, wanted.at, length)
    if (addressLength !== 4) return undefined
    const end = this.writeAddressLabel(bytes, address, this.#made, 0)
    return end === wanted.length && sameOctets(this.#made, 0, wanted.bytes, wanted.at, end)
  }

  #readPorts(record: RecordReader, filter: Filter): boolean {
    this.#ports = 0
    for (let left = record.count(); left > 0; left--) {
      const port = record.count() - 1
      const name = record.span()
      const nameMatches = matches(record, name, filter.port)
      const protocol = record.span()
      if (!nameMatches || !matches(record, protocol, filter.protocol)) continue
      if (this.#ports === HITS_LIMIT) return false
      this.#portNumbers[this.#ports++] = port
    }
    return true
  }

  /** False when there are too many. */
  add(bytes: Uint8Array, address: number, length: number, port: number, label: number, labelLength: number): boolean {
    if (this.count === HITS_LIMIT) return false
    const i = this.count++
    this.memory[i] = bytes
    this.addressAt[i] = address
    this.addressLength[i] = length
    this.port[i] = port
    this.labelAt[i] = label
    this.labelLength[i] = labelLength
    return true
  }
}

/** The text from `from` to where the reader is, without regard to case. */
function matches(record: RecordReader, from: number, wanted: Span): boolean {
  if (wanted.length === 0) return true
  return record.at - from === wanted.length && sameLower(record.bytes, from, wanted.bytes, wanted.at, wanted.length)
}
