import { isAvailable, loadLibc, type Libc } from '../native/libc.ts'
import { AF } from '../native/socket-address.ts'
import { OPTION, setOption } from '../native/socket-options.ts'
import { SystemCallError } from '../native/system-call-error.ts'

const SOCK_DGRAM = 2

/** What Node keeps a socket's descriptor in; it has no public name for it. */
interface Handle {
  readonly fd?: number
}

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
    if (this.#libc === undefined || this.#value === 0) return
    const fd = handleOf(socket)?.fd
    if (fd === undefined || fd < 0) throw new Error('this version of Node keeps sockets in another way: their descriptors are not to be had')
    setOption(this.#libc, fd, OPTION.MARK, this.#value)
  }
}

/** Of a `net.Server`, or of a `dgram.Socket`, whose `_handle` warns. */
function handleOf(socket: object): Handle | undefined {
  const state = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === 'state symbol')
  if (state === undefined) return (socket as { readonly _handle?: Handle | null })._handle ?? undefined
  return (socket as Readonly<Record<symbol, { readonly handle?: Handle } | undefined>>)[state]?.handle
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
