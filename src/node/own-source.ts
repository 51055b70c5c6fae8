import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { equalIp, parseIp } from '../base/ip.ts'

/** Far away for certain (RFC 5737, RFC 3849), so that the default route decides. Nothing is sent there. */
const FAR = { 4: '192.0.2.1', 16: '2001:db8::1' } as const

/** The address from which the node itself asks others; undefined where it has no way out, or only `except`. */
export async function ownSource(family: 4 | 16, except: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
  try {
    const connected = once(socket, 'connect')
    socket.connect(53, FAR[family])
    await connected
    const source = parseIp(socket.address().address)
    return source === undefined || except.some((address) => equalIp(address, source)) ? undefined : source
  } catch {
    // No route: then nobody asks from here either.
    return undefined
  } finally {
    socket.close()
  }
}
