import { isAvailable, loadLibc, type Libc } from '../native/libc.ts'
import { AF } from '../native/socket-address.ts'
import { OPTION, setOption } from '../native/socket-options.ts'
import { SystemCallError } from '../native/system-call-error.ts'
import { descriptorOf } from './descriptor.ts'

const SOCK_DGRAM = 2

/**
 * The firewall mark of what our DNS sockets send: the node agent's rules know its answers by it. 0 until the agent chooses one, which
 * it does before any socket opens. Accepted TCP connections have the mark of the socket that listens.
 */
export class SocketMark {
  #value = 0
  #libc: Libc | undefined

  get value(): number {
    return this.#value
  }

  /** Tells why marks are not to be had here: no koffi, or no capability. Undefined when they are. */
  async choose(value: number): Promise<string | undefined> {
    const libc = await loadLibc()
    if (!isAvailable(libc)) return libc.unavailable
    const refusal = tryMark(libc, value)
    if (refusal !== undefined) return refusal
    this.#libc = libc
    this.#value = value
    return undefined
  }

  /** Marks a bound socket of Node's. Throws SystemCallError. */
  apply(socket: object): void {
    const fd = descriptorOf(socket)
    if (fd !== undefined) this.applyTo(fd)
  }

  /** The same by its descriptor. Throws SystemCallError. */
  applyTo(fd: number): void {
    if (this.#libc !== undefined && this.#value !== 0) setOption(this.#libc, fd, OPTION.MARK, this.#value)
  }
}

/** Why this process may not mark sockets. */
function tryMark(libc: Libc, value: number): string | undefined {
  const fd = libc.socket(AF.INET, SOCK_DGRAM, 0)
  if (fd < 0) return new SystemCallError(libc, 'socket').message
  try {
    setOption(libc, fd, OPTION.MARK, value)
    return undefined
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
    return `${error.message}; needs the capability NET_ADMIN`
  } finally {
    libc.close(fd)
  }
}
