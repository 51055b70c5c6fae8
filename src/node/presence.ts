import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createConnection, createServer, type Server } from 'node:net'

const PREFIX = 'hearth-node'
/** Its line in /proc/net/unix. */
const INSTANCE = new RegExp(`@${PREFIX}/([0-9a-f]{8})/(\\d+)/(\\d+)$`, 'gm')
/**
 * Marks of agents: bits that the rules of kube-proxy (0xc000), Cilium (0x0f00), Calico and Tailscale (0xffff0000) and the VPC network
 * of AWS (0x80) leave alone.
 */
const MARK_BASE = 0x3000
const MARK_NUMBERS = 0x7f
/** A report is a page of text; what is longer is not one. */
const REPORT_LIMIT_BYTES = 256 * 1024

/** An agent of this node. */
export interface Instance {
  readonly id: string
  /** In its own pid namespace. */
  readonly pid: number
  readonly mark: number
}

/**
 * Tells agents of one node apart: each holds an abstract unix socket, which belongs to the network namespace that they share and
 * vanishes with its process, however that ends. Who connects gets the agent's report.
 */
export class Presence {
  readonly instance: Instance
  readonly #report: () => Promise<string>
  #server: Server | undefined

  /** `report`: what this agent says about itself, as JSON. */
  constructor(report: () => Promise<string>) {
    const taken = new Set(instances().map((instance) => instance.mark))
    const free = Array.from({ length: MARK_NUMBERS }, (_, i) => MARK_BASE | (i + 1)).filter((mark) => !taken.has(mark))
    const bytes = randomBytes(5)
    this.instance = { id: bytes.toString('hex', 0, 4), pid: process.pid, mark: free[bytes[4]! % free.length]! }
    this.#report = report
  }

  /** Rejects with the system's error. */
  async announce(): Promise<void> {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      this.#report().then((text) => socket.end(text), () => socket.destroy())
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socketName(this.instance), resolve)
    })
    server.unref()
    this.#server = server
  }

  /** Other agents of this node that live. */
  peers(): Instance[] {
    return instances().filter((instance) => instance.id !== this.instance.id)
  }

  close(): void {
    this.#server?.close()
  }
}

/** All agents of this node that live. */
export function instances(): Instance[] {
  const found = new Map<string, Instance>()
  // Nodes have thousands of sockets, and this is looked at twice a second.
  for (const [, id, pid, mark] of readFileSync('/proc/net/unix', 'utf8').matchAll(INSTANCE)) found.set(id!, { id: id!, pid: Number(pid), mark: Number(mark) })
  return [...found.values()]
}

/** What an agent says about itself. Rejects when it does not within `timeoutMs`. */
export function askReport(instance: Instance, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketName(instance))
    const chunks: Buffer[] = []
    let bytes = 0
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > REPORT_LIMIT_BYTES) socket.destroy(new Error('an answer without end'))
    })
    socket.on('error', reject)
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()))
    socket.on('close', () => clearTimeout(timer))
  })
}

function socketName(instance: Instance): string {
  return `\0${PREFIX}/${instance.id}/${instance.pid}/${instance.mark}`
}
