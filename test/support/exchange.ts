import { createSocket } from 'node:dgram'
import { connect } from 'node:net'

export interface ExchangeOptions {
  readonly host: string
  readonly port: number
  readonly tcp?: boolean
  readonly source?: string
  /** Replies wanted; default as many as packets. */
  readonly replies?: number
  readonly waitMs?: number
  /** TCP: octets as they are, without a length before each. */
  readonly bare?: boolean
  /** TCP: so many octets a write. */
  readonly pieces?: number
  readonly halfClose?: boolean
  /** Read on until the end. */
  readonly linger?: boolean
}

export interface Exchanged {
  readonly replies: readonly Buffer[]
  /** '' when as many replies as wanted came. */
  readonly end: '' | 'silent' | 'closed' | 'refused'
  readonly localPort: number
}

/** Sends packets and collects what comes back, as one client of a DNS server. */
export function exchange(packets: readonly Uint8Array[], options: ExchangeOptions): Promise<Exchanged> {
  return options.tcp === true ? overTcp(packets, options) : overUdp(packets, options)
}

function overUdp(packets: readonly Uint8Array[], options: ExchangeOptions): Promise<Exchanged> {
  const socket = createSocket(options.host.includes(':') ? 'udp6' : 'udp4')
  const wanted = options.replies ?? packets.length
  const replies: Buffer[] = []
  return new Promise((resolve, reject) => {
    let localPort = 0
    const finish = (end: Exchanged['end']) => {
      clearTimeout(timer)
      socket.close()
      resolve({ replies, end, localPort })
    }
    const timer = setTimeout(() => finish('silent'), options.waitMs ?? 4000)
    socket.on('message', (bytes) => {
      replies.push(Buffer.from(bytes))
      if (replies.length >= wanted && options.linger !== true) finish('')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') finish('refused')
      else reject(error)
    })
    const send = () => socket.connect(options.port, options.host, () => {
      localPort = socket.address().port
      for (const packet of packets) socket.send(packet)
    })
    if (options.source === undefined) send()
    else socket.bind({ address: options.source, port: 0 }, send)
  })
}

function overTcp(packets: readonly Uint8Array[], options: ExchangeOptions): Promise<Exchanged> {
  const wanted = options.replies ?? packets.length
  const stream = Buffer.concat(packets.flatMap((packet) => (options.bare === true ? [packet] : [Buffer.of(packet.length >> 8, packet.length & 0xff), packet])))
  const replies: Buffer[] = []
  return new Promise((resolve) => {
    let held = Buffer.alloc(0)
    let done = false
    const socket = connect({ host: options.host, port: options.port, noDelay: true, allowHalfOpen: true, ...(options.source === undefined ? {} : { localAddress: options.source }) })
    const finish = (end: Exchanged['end']) => {
      if (done) return
      done = true
      clearTimeout(timer)
      const localPort = socket.localPort ?? 0
      socket.destroy()
      resolve({ replies, end, localPort })
    }
    const timer = setTimeout(() => finish('silent'), options.waitMs ?? 4000)
    socket.on('connect', () => void write(socket, stream, options))
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk])
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE()) {
        const size = held.readUInt16BE()
        replies.push(Buffer.from(held.subarray(2, 2 + size)))
        held = held.subarray(2 + size)
      }
      if (replies.length >= wanted && options.linger !== true) finish('')
    })
    socket.on('end', () => finish('closed'))
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED' ? 'refused' : 'closed'))
  })
}

async function write(socket: ReturnType<typeof connect>, stream: Buffer, options: ExchangeOptions): Promise<void> {
  const pieces = options.pieces ?? Math.max(1, stream.length)
  for (let at = 0; at < stream.length; at += pieces) {
    socket.write(stream.subarray(at, at + pieces))
    if (pieces < stream.length) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  if (options.halfClose === true) socket.end()
}
