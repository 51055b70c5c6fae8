/**
 * Fills the connection tracking of this network namespace, as far as the kernel lets it, with connections that it does not drop for new
 * ones (ASSURED). Prints how many. linux/netfilter/nfnetlink_conntrack.h.
 */
import { readFileSync } from 'node:fs'
import { RawNetlinkSocket } from 'netlink'
import { attribute, bigUint32Attribute, nested } from '../../src/netlink/attributes.ts'
import { PROTOCOL } from '../../src/netlink/socket.ts'

const NEW_CONNECTION = 1 << 8
const REQUEST_AND_CREATE = 0x401
const NLMSG_ERROR = 2
const UDP = 17
/** IPS_SEEN_REPLY, IPS_ASSURED, IPS_CONFIRMED. */
const STATUS = 2 | 4 | 8
const SECONDS = 600
const BATCH = 400
/** What the kernel says when there is no room. */
const ENOMEM = 12

const most = Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_max', 'utf8'))
const socket = new RawNetlinkSocket(PROTOCOL.NETFILTER)
let full = false
socket.on('message', (bytes) => { full ||= bytes.readUInt16LE(4) === NLMSG_ERROR && bytes.readInt32LE(16) === -ENOMEM })
let made = 0
while (!full && made < most + BATCH) {
  const batch = Buffer.concat(Array.from({ length: BATCH }, () => connection(made++)))
  await new Promise<void>((resolve, reject) => { socket.send(batch, undefined, (error) => (error ? reject(error) : resolve())) })
  await new Promise((resolve) => setImmediate(resolve))
}
process.stdout.write(`${made}\n`)
socket.close()

function connection(number: number): Buffer {
  const body = Buffer.concat([
    Buffer.of(2, 0, 0, 0),
    tuple(1, number, false),
    tuple(2, number, true),
    bigUint32Attribute(3, STATUS),
    bigUint32Attribute(7, SECONDS),
  ])
  const header = Buffer.alloc(16)
  header.writeUInt32LE(16 + body.length, 0)
  header.writeUInt16LE(NEW_CONNECTION, 4)
  header.writeUInt16LE(REQUEST_AND_CREATE, 6)
  return Buffer.concat([header, body])
}

/** Addresses that nobody has (RFC 2544). */
function tuple(type: number, number: number, reply: boolean): Buffer {
  const here = { address: Buffer.of(198, 18, (number >> 16) & 0xff, 1), port: number & 0xffff }
  const there = { address: Buffer.of(198, 19, 0, 1), port: 9 }
  const [from, to] = reply ? [there, here] : [here, there]
  const port = (value: number) => Buffer.of(value >> 8, value & 0xff)
  return nested(type, nested(1, attribute(1, from.address), attribute(2, to.address)), nested(2, attribute(1, Buffer.of(UDP)), attribute(2, port(from.port)), attribute(3, port(to.port))))
}
