/**
 * Loaded before the agent by --import: netlink answers as a kernel before Linux 5.12 does, which has no tables that belong to a socket, and
 * as one without dummy links. What such a kernel refuses never reaches the one that we have; all else does.
 */
import { RawNetlinkSocket } from 'netlink'

const HEADER_BYTES = 16
const NLMSG_ERROR = 2
const NEWTABLE = 10 << 8
const NEWLINK = 16
/** nf_tables_newtable() before 5.12 knows no flag but "dormant"; rtnl_newlink() without the module. */
const REFUSALS = { owner: 22, dummy: 95 } as const
/** The attribute NFTA_TABLE_FLAGS with the owner flag, in the network's order. */
const OWNER = Buffer.from([8, 0, 2, 0, 0, 0, 0, 2])
const DUMMY = Buffer.from('dummy\0')

const send = RawNetlinkSocket.prototype.send

RawNetlinkSocket.prototype.send = function (this: RawNetlinkSocket, message, options, callback) {
  const refused = refusal(Buffer.concat([message].flat()))
  if (refused === undefined) return send.call(this, message, options, callback)
  setImmediate(() => {
    callback?.()
    this.emit('message', refused, { port: 0, groups: 0 })
  })
}

/** The kernel's answer to the first message that it does not take; undefined where it takes all. */
function refusal(bytes: Buffer): Buffer | undefined {
  for (let at = 0; at + HEADER_BYTES <= bytes.length; at += (bytes.readUInt32LE(at) + 3) & ~3) {
    const message = bytes.subarray(at, at + bytes.readUInt32LE(at))
    const type = message.readUInt16LE(4)
    if (type === NEWTABLE && message.includes(OWNER)) return failure(message, REFUSALS.owner)
    if (type === NEWLINK && message.includes(DUMMY)) return failure(message, REFUSALS.dummy)
  }
  return undefined
}

function failure(message: Buffer, errno: number): Buffer {
  const answer = Buffer.alloc(HEADER_BYTES + 4 + HEADER_BYTES)
  answer.writeUInt32LE(answer.length, 0)
  answer.writeUInt16LE(NLMSG_ERROR, 4)
  message.copy(answer, 8, 8, 12)
  answer.writeInt32LE(-errno, HEADER_BYTES)
  message.copy(answer, HEADER_BYTES + 4, 0, HEADER_BYTES)
  return answer
}
