import { isAvailable, loadLibc } from '../native/libc.ts'
import { OPTION, setOption } from '../native/socket-options.ts'
import { descriptorOf } from './descriptor.ts'

/**
 * What the kernel holds for one connection in each direction; it takes twice as much, its own books included. Left to itself it holds
 * megabytes for a client that does not read, and they count to the container.
 */
const BUFFER_BYTES = 16 * 1024

/** Bounds the buffers of all connections that a server of Node's will accept: they have those of the socket that listens. */
export async function boundBuffers(server: object): Promise<void> {
  const libc = await loadLibc()
  const fd = descriptorOf(server)
  if (fd === undefined || !isAvailable(libc)) return
  setOption(libc, fd, OPTION.RCVBUF, BUFFER_BYTES)
  setOption(libc, fd, OPTION.SNDBUF, BUFFER_BYTES)
}
