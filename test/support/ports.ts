import { createServer, type AddressInfo } from 'node:net'

const given = new Set<number>()

/** A TCP and UDP port on loopback that nobody uses now and that this process has not given out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer()
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    if (!given.has(port) && given.add(port) !== undefined) return port
  }
}
