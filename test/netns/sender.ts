/**
 * Asks again and again and remembers what became of each question: one process in a namespace, many sockets. The first argument is
 * `SenderOptions` as JSON; a line on standard input is answered with `Observed` as JSON. Times are of the machine's monotonic clock,
 * which all processes share.
 */
import { createSocket } from 'node:dgram'
import { createConnection, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { decode, encode, RECURSION_DESIRED } from 'dns-packet'
import { now } from './monotonic.ts'

export interface SenderOptions {
  readonly addresses: readonly string[]
  readonly name: string
  /** Each question asks a name of its own below `name`, so that no cache has it. */
  readonly distinct?: boolean
  /** Of all addresses together, over UDP. */
  readonly perSecond: number
  /** Each question comes from a port of its own, as those of glibc do; undefined: a few ports are kept. */
  readonly freshPorts?: boolean
  /** To each address. */
  readonly connections: number
  /** How often each of them asks. */
  readonly tcpEveryMs: number
}

export interface Observed {
  /** By address: when asked, and when answered; -1 for no answer, and less for one with another rcode: -3 for SERVFAIL. */
  readonly udp: Readonly<Record<string, readonly (readonly [asked: number, answered: number])[]>>
  /** Ends of connections. `slot` names one that is opened again and again. */
  readonly ends: readonly { readonly slot: string; readonly at: number; readonly how: 'reset' | 'clean' }[]
  /** Answers over TCP, by address. */
  readonly tcpAnswers: Readonly<Record<string, readonly number[]>>
  /** Questions on connections that were reset before the answer. After a clean end they are asked again. */
  readonly tcpLost: readonly number[]
  /** Moments when this process itself was late: when, and by how much. */
  readonly lags: readonly (readonly [at: number, ms: number])[]
}

const SOCKETS = 8
const TICK_MS = 5
const RECONNECT_MS = 20
/** How long a socket of one question waits. */
const FRESH_MS = 2500
/** A wait of this long is the machine's doing. */
const LAG_MS = 15

const options = JSON.parse(process.argv[2]!) as SenderOptions
const udp: Record<string, [number, number][]> = Object.fromEntries(options.addresses.map((address) => [address, []]))
const tcpAnswers: Record<string, number[]> = Object.fromEntries(options.addresses.map((address) => [address, []]))
const ends: Observed['ends'][number][] = []
const tcpLost: number[] = []
const lags: [number, number][] = []
let asked = 0

run()

function run(): void {
  const senders = options.addresses.flatMap((address) => Array.from({ length: SOCKETS }, () => (options.freshPorts === true ? freshSender(address) : udpSender(address))))
  for (const address of options.addresses) for (let i = 0; i < options.connections; i++) keepConnection(address, `${address}#${i}`)
  let sent = 0
  const start = now()
  let last = start
  setInterval(() => {
    const at = now()
    if (at - last > TICK_MS + LAG_MS) lags.push([at, at - last - TICK_MS])
    last = at
    // What was due while this process stood still is left out: a burst would tell of the machine, not of the resolver.
    const due = Math.min(Math.floor((at - start) * options.perSecond / 1000), sent + Math.ceil(options.perSecond * 4 * TICK_MS / 1000))
    while (sent < due) senders[sent++ % senders.length]!()
  }, TICK_MS)
  createInterface({ input: process.stdin }).on('line', () => process.stdout.write(`${JSON.stringify({ udp, ends, tcpAnswers, tcpLost, lags } satisfies Observed)}\n`)).on('close', () => process.exit())
  process.stdout.write('ready\n')
}

function question(id: number): Buffer {
  const name = options.distinct === true ? `${process.pid}-${++asked}.${options.name}` : options.name
  return encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ name, type: 'A' }] })
}

/** A socket for every question. */
function freshSender(address: string): () => void {
  return () => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    const query: [number, number] = [now(), -1]
    udp[address]!.push(query)
    const limit = setTimeout(() => socket.close(), FRESH_MS)
    socket.on('error', () => undefined)
    socket.on('message', (packet) => {
      clearTimeout(limit)
      const rcode = packet[3]! & 0xf
      query[1] = rcode === 0 ? now() : -1 - rcode
      socket.close()
    })
    socket.send(question(1), 53, address, () => undefined)
  }
}

/** A socket that keeps its port. */
function udpSender(address: string): () => void {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  const awaited = new Map<number, [number, number]>()
  let id = 0
  socket.on('message', (packet) => {
    const key = packet.readUInt16BE(0)
    const query = awaited.get(key)
    if (query === undefined) return
    awaited.delete(key)
    const rcode = packet[3]! & 0xf
    query[1] = rcode === 0 ? now() : -1 - rcode
  })
  socket.on('error', () => undefined)
  return () => {
    id = (id + 1) & 0xffff
    const query: [number, number] = [now(), -1]
    awaited.set(id, query)
    udp[address]!.push(query)
    socket.send(question(id), 53, address, () => undefined)
  }
}

/** `again`: how many questions of the connection before this one have no answer yet. */
function keepConnection(address: string, slot: string, again = 0): void {
  const socket: Socket = createConnection({ host: address, port: 53, noDelay: true })
  let failed = false
  let pending = Buffer.alloc(0)
  let unanswered = 0
  const ask = () => {
    const packet = question(++unanswered & 0xffff)
    socket.write(Buffer.concat([Buffer.of(packet.length >> 8, packet.length & 0xff), packet]))
  }
  const timer = setInterval(() => { if (socket.readyState === 'open') ask() }, options.tcpEveryMs)
  socket.on('connect', () => { for (let i = 0; i < again; i++) ask() })
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const length = pending.readUInt16BE(0)
      if (decode(pending.subarray(2, 2 + length)).type === 'response') tcpAnswers[address]!.push(now())
      unanswered--
      pending = pending.subarray(2 + length)
    }
  })
  socket.on('error', () => { failed = true })
  socket.on('close', () => {
    clearInterval(timer)
    ends.push({ slot, at: now(), how: failed ? 'reset' : 'clean' })
    if (failed) for (let i = 0; i < unanswered; i++) tcpLost.push(now())
    setTimeout(() => keepConnection(address, slot, unanswered), RECONNECT_MS)
  })
}
