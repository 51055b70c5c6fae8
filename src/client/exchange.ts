import { createSocket } from 'node:dgram'
import { connect, isIPv6, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { FrameReader } from '../wire/frames.ts'

export type Transport = 'udp' | 'tcp' | 'tls'

/** Who to ask. */
export interface Peer {
  readonly address: string
  readonly port: number
  readonly timeoutMs: number
  readonly tls: TlsChoice
}

export interface TlsChoice {
  /** Name in the certificate; undefined for the address. */
  readonly serverName: string | undefined
  /** PEM; undefined for the system's CAs. */
  readonly ca: string | undefined
  /** Take any certificate. */
  readonly insecure: boolean
}

/** Sends one message and waits for the reply with its id. Rejects with what went wrong, in words. */
export function exchange(packet: Uint8Array, transport: Transport, peer: Peer): Promise<Uint8Array> {
  return transport === 'udp' ? overUdp(packet, peer) : overStream(packet, transport, peer)
}

function overUdp(packet: Uint8Array, { address, port, timeoutMs }: Peer): Promise<Uint8Array> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  return new Promise<Uint8Array>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no reply within ${timeoutMs} ms`)), timeoutMs)
    socket.on('error', reject)
    // Connected, so that the kernel tells us when nobody listens there, and drops what others send.
    socket.connect(port, address, () => socket.send(packet))
    socket.on('message', (reply) => {
      if (!sameId(reply, packet)) return
      clearTimeout(timer)
      resolve(reply)
    })
    socket.once('close', () => clearTimeout(timer))
  }).finally(() => socket.close())
}

function overStream(packet: Uint8Array, transport: 'tcp' | 'tls', peer: Peer): Promise<Uint8Array> {
  const socket = open(transport, peer)
  return new Promise<Uint8Array>((resolve, reject) => {
    const frames = new FrameReader()
    socket.setTimeout(peer.timeoutMs, () => socket.destroy(new Error(`no reply within ${peer.timeoutMs} ms`)))
    socket.once(transport === 'tls' ? 'secureConnect' : 'connect', () => {
      const length = Buffer.from([packet.length >> 8, packet.length & 0xff])
      socket.write(Buffer.concat([length, packet]))
    })
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk)
      for (let reply = frames.next(); reply !== undefined; reply = frames.next()) if (sameId(reply, packet)) resolve(Uint8Array.from(reply))
    })
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the server closed the connection without a reply')))
  }).finally(() => socket.destroy())
}

function open(transport: 'tcp' | 'tls', { address, port, tls }: Peer): Socket {
  if (transport === 'tcp') return connect(port, address)
  const { serverName, ca, insecure } = tls
  return connectTls({ host: address, port, rejectUnauthorized: !insecure, ALPNProtocols: ['dot'], ...(serverName === undefined ? {} : { servername: serverName }), ...(ca === undefined ? {} : { ca }) })
}

function sameId(reply: Uint8Array, packet: Uint8Array): boolean {
  return reply.length >= 12 && reply[0] === packet[0] && reply[1] === packet[1]
}
