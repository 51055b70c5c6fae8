import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/** Below the range that the kernel takes for outgoing connections, so that nobody gets the port between our look and its use. */
const RANGE = [10_000, 32_000] as const

const given = new Set<number>()

/** A TCP and UDP port on loopback that nobody uses now and that this process has not given out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = RANGE[0] + Math.floor(Math.random() * (RANGE[1] - RANGE[0]))
    if (given.has(port)) continue
    given.add(port)
    if (await freeTcp(port) && await freeUdp(port)) return port
  }
}

function freeTcp(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.on('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}

function freeUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp6')
  return new Promise((resolve) => {
    socket.on('error', () => {
      socket.close()
      resolve(false)
    })
    socket.bind(port, () => socket.close(() => resolve(true)))
  })
}
