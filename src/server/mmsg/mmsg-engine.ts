import { randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Timer } from '../../base/clock.ts'
import { parseIp } from '../../base/ip.ts'
import type { Counter, Metrics } from '../../core/metrics.ts'
import type { Libc } from '../../native/libc.ts'
import { boundAddress, openUdpSocket } from '../../native/udp-socket.ts'
import { OPTION, setOption } from '../../native/socket-options.ts'
import type { Listener, Target } from '../listener.ts'
import { peerOf } from '../peer.ts'
import type { EngineWorld, UdpEngine } from '../udp-engine.ts'
import type { WorkerCounts } from './control.ts'
import { Misses } from './misses.ts'
import { MmsgListener, type Share } from './mmsg-listener.ts'
import { PacketKeeper } from './packet-keeper.ts'
import { PacketMemory } from './packet-memory.ts'
import { PacketStore } from './packet-store.ts'
import { PacketThread } from './packet-thread.ts'
import { ReplyBatch } from './reply-batch.ts'

/** Replies in the packet cache: 10 MiB of memory when all are used. */
const PACKETS = 16_384
/** How often the program's own rates take in what workers have answered. */
const LOOK_MS = 1000
/** How often workers hear that the main thread runs, where somebody relies on it. */
const BEAT_MS = 400
/** A burst that arrives while a worker has no processor waits in the kernel up to this size, as far as the kernel allows. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

/**
 * UDP by packet workers: threads that block in recvmmsg, answer from the packet cache by themselves and leave the rest to the main
 * thread, which answers on the same sockets.
 */
export class MmsgEngine implements UdpEngine {
  readonly name = 'mmsg'
  readonly knowsAddressAsked = true
  readonly packets: PacketKeeper
  readonly #libc: Libc
  readonly #world: EngineWorld
  readonly #threads: readonly PacketThread[]
  readonly #misses: readonly Misses[]
  readonly #listeners = new Map<number, MmsgListener>()
  readonly #lookTimer: Timer
  #beatTimer: Timer | undefined
  #sockets = 0
  #seenHits = 0

  constructor(libc: Libc, world: EngineWorld, metrics: Metrics, workers: number) {
    this.#libc = libc
    this.#world = world
    const key = { k0: randomBytes(4).readInt32LE(), k1: randomBytes(4).readInt32LE() }
    const memory = new PacketMemory(PACKETS)
    const replaced = metrics.counter('hearth_packet_workers_replaced_total', 'Packet workers that died and were replaced.').with()
    const unsent = metrics.counter('hearth_packets_unsent_total', 'Replies that the kernel did not take.').with()
    this.#threads = Array.from({ length: workers }, () => new PacketThread({ log: world.log, cache: memory.buffer, key, replaced: () => replaced.add() }))
    this.packets = new PacketKeeper(new PacketStore(memory, key), this.#threads.map((thread) => thread.tallies), world.log)
    const batch = new ReplyBatch(libc, (count) => unsent.add(count))
    this.#misses = this.#threads.map((thread) => new Misses(thread, this.#listeners, batch, world))
    this.#counters = {
      hits: metrics.counter('hearth_packet_cache_hits_total', 'Queries answered from the packet cache, without the resolver thread.').with(),
      misses: metrics.counter('hearth_packet_cache_misses_total', 'UDP queries handed to the resolver thread.').with(),
      overflows: metrics.counter('hearth_packets_dropped_total', 'UDP queries dropped because the resolver thread was too far behind.').with(),
      refused: world.admission.refused,
      unsent,
    }
    this.#counted = this.#threads.map((thread) => thread.control.counts)
    this.#lookTimer = world.clock.every(LOOK_MS, () => this.#look())
  }

  readonly #counters: Readonly<Record<keyof WorkerCounts, Counter>>
  #counted: WorkerCounts[]

  /** Adds up what workers have counted; called before numbers are shown. */
  count(): void {
    this.packets.count()
    this.#threads.forEach((thread, i) => {
      const now = thread.control.counts
      const before = this.#counted[i]!
      for (const name of ['hits', 'misses', 'overflows', 'refused', 'unsent'] as const) this.#counters[name].add((now[name] - before[name]) >>> 0)
      this.#counted[i] = now
    })
  }

  // oxlint-disable-next-line typescript/require-await
  async open(address: string, port: number, target: Target, shownAddress: string): Promise<Listener> {
    const shares: Share[] = []
    const percent = address.indexOf('%')
    const bytes = parseIp(percent < 0 ? address : address.slice(0, percent))!
    const wildcard = bytes.every((octet) => octet === 0)
    try {
      for (const thread of this.#threads) {
        const fd = openUdpSocket(this.#libc, bytes, shares.length === 0 ? port : boundAddress(this.#libc, shares[0]!.fd).port, {
          bothFamilies: wildcard && isIPv6(address),
          receiveBufferBytes: RECEIVE_BUFFER_BYTES,
          receiveTimeoutMs: thread.waitMs,
          packetInfo: wildcard,
          ...(percent < 0 ? {} : { scope: linkNumber(address.slice(percent + 1)) }),
        })
        shares.push({ id: ++this.#sockets, fd, thread })
        if (this.#world.socketMark.value !== 0) this.#mark(fd, this.#world.socketMark.value)
      }
    } catch (error) {
      for (const { fd } of shares) this.#libc.close(fd)
      throw error
    }
    const bound = boundAddress(this.#libc, shares[0]!.fd).port
    const listener = new MmsgListener({ address, port: bound, local: peerOf(shownAddress, bound) }, target, shares, this.#libc, this.#world, (id) => this.#listeners.delete(id))
    for (const { id } of shares) this.#listeners.set(id, listener)
    return listener
  }

  /** Workers take the mark away when the main thread is silent, so it must not be from here on. */
  #mark(fd: number, value: number): void {
    const beat = () => { for (const thread of this.#threads) thread.control.beat() }
    if (this.#beatTimer === undefined) beat()
    this.#beatTimer ??= this.#world.clock.every(BEAT_MS, beat)
    setOption(this.#libc, fd, OPTION.MARK, value)
  }

  async close(): Promise<void> {
    this.#lookTimer.cancel()
    this.#beatTimer?.cancel()
    for (const misses of this.#misses) misses.close()
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }

  /** Rates that people look at know of workers' answers this often. */
  #look(): void {
    const hits = this.#threads.reduce((sum, thread) => sum + thread.control.counts.hits, 0)
    if (hits !== this.#seenHits) {
      this.#world.traffic.countMany((hits - this.#seenHits) >>> 0)
    }
    for (const { samples } of this.#threads) samples.take((...sample) => this.#world.traffic.sampled(...sample))
    this.#seenHits = hits
  }

  /** For tests: the workers as they are now. */
  get threads(): readonly PacketThread[] {
    return this.#threads
  }
}

/** Of a link by its name or number, as in `fe80::1%eth0`; 0 when there is none. */
function linkNumber(link: string): number {
  if (/^\d+$/.test(link)) return Number(link)
  return networkInterfaces()[link]?.find((entry) => entry.family === 'IPv6')?.scopeid ?? 0
}
