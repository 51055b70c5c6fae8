import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { Listener, ListenerWorld, Target } from './listener.ts'
import { acceptable, certificateRequest, type ServerTls } from './server-tls.ts'
import { listenTcp, TcpListener } from './tcp.ts'

/** Opens a listener for DNS over TLS (RFC 7858): after the handshake it is as DNS over TCP. Rejects with the system's error. */
export async function openTls(address: string, port: number, target: Target, tls: ServerTls, world: ListenerWorld): Promise<Listener> {
  const server = createServer({ ...tls.context, ...certificateRequest(tls), noDelay: true, allowHalfOpen: true, handshakeTimeout: target.timeouts.readMs })
  guardHandshakes(server, tls, target, world)
  await listenTcp(server, address, port, world)
  return new TlsListener(server, target, world, 'secureConnection')
}

class TlsListener extends TcpListener {
  /** New connections get the certificate of the new target; those that are open go on. */
  retargeted(): void {
    renewContext(this.server as Server, this.target)
  }
}

/** Turns away clients whose certificate is not what the target asks for, and keeps failed handshakes out of the error log. */
export function guardHandshakes(server: Server, tls: ServerTls, target: Target, world: ListenerWorld): void {
  // The listener's target has no certificate before it is first pointed at.
  const current = () => target.tls ?? tls
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    if (!acceptable(socket, current())) socket.destroy()
  })
  server.on('tlsClientError', (error) => world.log.debug(`tls: ${error.message}`))
  server.on('keylog', (line: Buffer) => current().keylog?.(line))
}

export function renewContext(server: Pick<Server, 'setSecureContext'>, target: Target): void {
  if (target.tls !== undefined) server.setSecureContext(target.tls.context)
}
