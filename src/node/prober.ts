import { createSocket, type Socket } from 'node:dgram'
import { createConnection, type Socket as TcpSocket } from 'node:net'
import type { Clock, Timer } from '../base/clock.ts'
import { formatIp } from '../base/ip.ts'
import type { SelfProbe } from '../server/self-probe.ts'
import { CLASS, RCODE, TYPE } from '../wire/codes.ts'
import { encodeMessage } from '../wire/encode.ts'
import { FrameReader } from '../wire/frames.ts'
import { Message } from '../wire/message.ts'
import { lowerName, type Name } from '../wire/name.ts'
import { decoded } from './ask.ts'
import { FAMILIES, ofFamily, type AddressBytes } from './wishes.ts'

const ROUND_MS = 500
/** Three probes in a row without an answer. */
const SILENT_MS = 1600
/** The kernel gives a source port always to the same socket of a group: several, so that none of the group is left out. */
const PORTS_A_FAMILY = 4
/** Answers that we wait for; older ones are forgotten. */
const AWAITED_LIMIT = 512

export interface ProberOptions {
  readonly addresses: readonly Uint8Array[]
  readonly port: number
}

export interface ProberWorld {
  readonly clock: Clock
  readonly selfProbe: SelfProbe
}

/** What the probes of the last moments say. */
export interface Verdict {
  /** Every flow was answered, by us or by another agent. */
  readonly answered: boolean
  /** Which were not, for people. */
  readonly silent: readonly string[]
  /** This very agent answered at each address. */
  readonly ours: boolean
  /** When this very agent last answered a probe; undefined for never. */
  readonly lastOursMs: number | undefined
}

/** A source port, an address of ours and a protocol: always the same socket of the group answers. */
interface Flow {
  readonly label: string
  readonly address: Uint8Array
  answeredMs: number
  oursMs: number | undefined
}

/**
 * Asks this agent through its own sockets, twice a second: each address, both protocols, from several ports. Questions have names
 * that only this process answers with NOERROR, so an answer of the cluster or of another agent is not taken for one of ours.
 */
export class Prober {
  readonly #options: ProberOptions
  readonly #world: ProberWorld
  readonly #sockets = new Map<AddressBytes, Socket[]>()
  readonly #flows: { flow: Flow; send: (question: Uint8Array, name: Name) => void }[] = []
  readonly #awaited = new Map<Name, Flow>()
  readonly #connections = new Map<Flow, TcpSocket>()
  #timer: Timer | undefined
  #roundMs = 0

  constructor(options: ProberOptions, world: ProberWorld) {
    this.#options = options
    this.#world = world
  }

  /** Takes the ports that probes come from; rules must let them through. Rejects with the system's error. */
  async open(): Promise<number[]> {
    for (const family of FAMILIES) {
      const addresses = ofFamily(this.#options.addresses, family)
      if (addresses.length === 0) continue
      const sockets = await Promise.all(Array.from({ length: PORTS_A_FAMILY }, () => this.#openSocket(family)))
      this.#sockets.set(family, sockets)
      for (const address of addresses) this.#addFlows(address, sockets)
    }
    return this.#ports()
  }

  /** `round` is called after each round of probes with what is known by then. */
  start(round: (verdict: Verdict) => void): void {
    this.#forgive()
    this.#send()
    this.#timer = this.#world.clock.every(ROUND_MS, () => {
      // When the process itself stood still, silence says nothing.
      if (this.#world.clock.nowMs() - this.#roundMs > 2 * ROUND_MS) this.#forgive()
      round(this.verdict())
      this.#send()
    })
  }

  verdict(): Verdict {
    const now = this.#world.clock.nowMs()
    const flows = this.#flows.map(({ flow }) => flow)
    const silent = flows.filter((flow) => now - flow.answeredMs > SILENT_MS).map((flow) => flow.label)
    const isOurs = (address: Uint8Array) => flows.some((flow) => flow.address === address && flow.oursMs !== undefined && now - flow.oursMs <= SILENT_MS)
    const last = flows.reduce<number | undefined>((latest, { oursMs }) => (oursMs === undefined ? latest : Math.max(latest ?? 0, oursMs)), undefined)
    return { answered: silent.length === 0, silent, ours: this.#options.addresses.every(isOurs), lastOursMs: last }
  }

  close(): void {
    this.#timer?.cancel()
    for (const socket of [...this.#sockets.values()].flat()) socket.close()
    for (const socket of this.#connections.values()) socket.resetAndDestroy()
    this.#sockets.clear()
  }

  #ports(): number[] {
    return [...new Set([...this.#sockets.values()].flat().map((socket) => socket.address().port))]
  }

  #openSocket(family: AddressBytes): Promise<Socket> {
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 16, lookup: (host, _options, done) => done(null, host, family === 4 ? 4 : 6) })
    socket.on('message', (packet) => this.#take(packet))
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(0, () => {
        socket.off('error', reject)
        // Port unreachable and the like: there will be no answer, which is what counts.
        socket.on('error', () => undefined)
        resolve(socket)
      })
    })
  }

  #addFlows(address: Uint8Array, sockets: readonly Socket[]): void {
    const host = formatIp(address)
    const { port } = this.#options
    for (const socket of sockets) {
      this.#addFlow(`udp ${host} from port ${socket.address().port}`, address, () => (question) => socket.send(question, port, host, () => undefined))
    }
    const localPort = sockets[0]!.address().port
    this.#addFlow(`tcp ${host} from port ${localPort}`, address, (flow) => (question) => this.#askOverTcp(host, localPort, question, flow))
  }

  #addFlow(label: string, address: Uint8Array, sender: (flow: Flow) => (question: Uint8Array) => void): void {
    const flow: Flow = { label, address, answeredMs: 0, oursMs: undefined }
    this.#flows.push({ flow, send: sender(flow) })
  }

  #forgive(): void {
    const now = this.#world.clock.nowMs()
    for (const { flow } of this.#flows) flow.answeredMs = now
  }

  #send(): void {
    this.#roundMs = this.#world.clock.nowMs()
    for (const { flow, send } of this.#flows) {
      const name = this.#world.selfProbe.newName()
      this.#awaited.set(name, flow)
      const request = new Message()
      request.questions = [{ name, type: TYPE.TXT, class: CLASS.CH }]
      send(encodeMessage(request), name)
    }
    for (const name of this.#awaited.keys()) {
      if (this.#awaited.size <= AWAITED_LIMIT) break
      this.#awaited.delete(name)
    }
  }

  #take(packet: Uint8Array): void {
    const reply = decoded(packet)
    const name = reply?.questions[0]?.name
    const flow = name === undefined ? undefined : this.#awaited.get(lowerName(name))
    if (reply === undefined || name === undefined || flow === undefined) return
    this.#awaited.delete(lowerName(name))
    flow.answeredMs = this.#world.clock.nowMs()
    if (reply.rcode === RCODE.NOERROR) flow.oursMs = flow.answeredMs
  }

  /** Ends with a reset, which leaves the port free for the next round. */
  #askOverTcp(host: string, localPort: number, question: Uint8Array, flow: Flow): void {
    if (this.#connections.has(flow)) return
    const socket = createConnection({ host, port: this.#options.port, localPort })
    this.#connections.set(flow, socket)
    const frames = new FrameReader()
    const limit = this.#world.clock.after(SILENT_MS, () => socket.resetAndDestroy())
    socket.on('connect', () => socket.write(Buffer.concat([Buffer.of(question.length >> 8, question.length & 0xff), question])))
    socket.on('data', (chunk) => {
      frames.push(chunk)
      const packet = frames.next()
      if (packet === undefined) return
      this.#take(packet)
      socket.resetAndDestroy()
    })
    socket.on('end', () => socket.resetAndDestroy())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Somebody else has the port, or the address is not back yet: nothing was asked.
      if (error.code === 'EADDRINUSE' || error.code === 'EADDRNOTAVAIL') flow.answeredMs = this.#world.clock.nowMs()
    })
    socket.on('close', () => {
      limit.cancel()
      this.#connections.delete(flow)
    })
  }
}
