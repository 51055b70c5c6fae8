import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'

const PREFIX = 'hearth-node/'

/**
 * Tells agents of one node apart: each holds an abstract unix socket, which belongs to the network namespace that they share and
 * vanishes with its process, however that ends.
 */
export class Presence {
  readonly #name = `${PREFIX}${randomBytes(8).toString('hex')}`
  #server: Server | undefined

  /** Rejects with the system's error. */
  async announce(): Promise<void> {
    const server = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(`\0${this.#name}`, resolve)
    })
    server.unref()
    this.#server = server
  }

  /** True while another agent of this node lives. */
  hasPeers(): boolean {
    return readFileSync('/proc/net/unix', 'utf8').split('\n').some((line) => {
      const name = /@(\S+)$/.exec(line)?.[1]
      return name?.startsWith(PREFIX) === true && name !== this.#name
    })
  }

  close(): void {
    this.#server?.close()
  }
}
