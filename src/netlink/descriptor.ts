import { readdirSync } from 'node:fs'
import { isAvailable, loadLibc, type Libc } from '../native/libc.ts'

const AF_NETLINK = 16
const SOL_NETLINK = 270
const NETLINK_NO_ENOBUFS = 5
/** struct sockaddr_nl: family, padding, port, groups. */
const SOCKET_NAME_BYTES = 12

/**
 * Tells the kernel to drop what does not fit into a socket's buffer without an error. With one, poll says that the socket is broken, and
 * the netlink package ends the process. Resolves to false where that cannot be told: such a socket must not join groups, which
 * bring what nobody asked for.
 */
export async function dropQuietly(port: number): Promise<boolean> {
  const libc = await loadLibc()
  if (!isAvailable(libc)) return false
  const fd = descriptorOf(libc, port)
  return fd !== undefined && libc.setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, Buffer.of(1, 0, 0, 0), 4) === 0
}

/** The package keeps the descriptor to itself; the port is the socket's own in the whole namespace. */
function descriptorOf(libc: Libc, port: number): number | undefined {
  return readdirSync('/proc/self/fd').map(Number).find((fd) => {
    const name = Buffer.alloc(SOCKET_NAME_BYTES)
    const length = Buffer.of(SOCKET_NAME_BYTES, 0, 0, 0)
    return libc.getsockname(fd, name, length) === 0 && name.readUInt16LE(0) === AF_NETLINK && name.readUInt32LE(4) === port
  })
}
