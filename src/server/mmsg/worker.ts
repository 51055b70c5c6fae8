import { constants } from 'node:os'
import { workerData } from 'node:worker_threads'
import { QuickQuestion } from '../../core/quick-question.ts'
import { Datagrams, MSG, sendAll } from '../../native/datagrams.ts'
import { isAvailable, loadLibc, type Libc } from '../../native/libc.ts'
import type { Memory } from '../../native/memory.ts'
import { AF } from '../../native/socket-address.ts'
import { clockOriginMs } from './clock-origin.ts'
import { ClientBuckets, FAIR_PER_SECOND, mix, REFUSALS_PER_SECOND } from '../client-buckets.ts'
import { Control, SOCKET_LIMIT, type RingName } from './control.ts'
import { HitSamples } from './hit-samples.ts'
import { MissRing } from './miss-ring.ts'
import { PacketMemory } from './packet-memory.ts'
import { PacketReader } from './packet-reader.ts'
import { writeRefusal } from './refusal.ts'
import type { HashKey } from './packet-hash.ts'
import { TallyMemory } from './tally-memory.ts'
import { Voucher } from './voucher.ts'

/** What the main thread gives a worker. */
export interface WorkerStart {
  readonly control: SharedArrayBuffer
  readonly rings: Readonly<Record<RingName, SharedArrayBuffer>>
  readonly cache: SharedArrayBuffer
  readonly tallies: SharedArrayBuffer
  readonly samples: SharedArrayBuffer
  readonly key: HashKey
  /** `clockOriginMs` of the main thread. */
  readonly originMs: number
  /** How long a wait may take. */
  readonly waitMs: number
}

const BATCH = 64
/** Queries are at most this long; more is cut off, and the cut packet is malformed. No powers of two: all rows would share the same few lines of the processor's cache. */
const QUERY_BYTES = 4096 + 64
const REPLY_BYTES = 2048 + 64
/** Full batches read from one socket before the others have their turn. */
const ROUNDS = 8
const POLLIN = 1
/** In place of a row of counters: the reply is no answer. */
const NO_ROW = -1
/** IPv4 mapped into IPv6, as the fifth word of a sockaddr has it: ten zero octets, then two of ones. */
const MAPPED = 0xffff0000 | 0

class PacketWorker {
  readonly #libc: Libc
  readonly #control: Control
  readonly #fair: MissRing
  readonly #excess: MissRing
  readonly #shares: ClientBuckets
  readonly #refusals: ClientBuckets
  readonly #reader: PacketReader
  readonly #tallies: TallyMemory
  readonly #samples: HitSamples
  readonly #waitMs: number
  readonly #originMs: number
  readonly #question = new QuickQuestion()
  readonly #in: Datagrams
  readonly #out: Datagrams
  readonly #polls: Memory
  readonly #rows = new Int32Array(BATCH)
  readonly #voucher: Voucher
  #sockets: readonly { readonly id: number; readonly fd: number }[] = []
  #version = 0
  /** Where the rings of misses end, while a batch is dealt with. */
  readonly #heads: Record<RingName, number> = { fair: 0, excess: 0 }
  readonly #counts = { hits: 0, misses: 0, overflows: 0, refused: 0, unsent: 0 }

  constructor(start: WorkerStart, libc: Libc) {
    this.#libc = libc
    this.#control = new Control(start.control)
    this.#fair = new MissRing(this.#control, 'fair', start.rings.fair)
    this.#excess = new MissRing(this.#control, 'excess', start.rings.excess)
    this.#shares = new ClientBuckets(FAIR_PER_SECOND, start.key.k0)
    this.#refusals = new ClientBuckets(REFUSALS_PER_SECOND, start.key.k0)
    this.#reader = new PacketReader(new PacketMemory(start.cache), start.key)
    this.#tallies = new TallyMemory(start.tallies)
    this.#samples = new HitSamples(start.samples)
    this.#waitMs = start.waitMs
    this.#originMs = start.originMs - clockOriginMs()
    this.#in = new Datagrams(libc, BATCH, QUERY_BYTES)
    this.#out = new Datagrams(libc, BATCH, REPLY_BYTES)
    this.#polls = libc.allocate(SOCKET_LIMIT * 8)
    this.#voucher = new Voucher(libc, this.#control)
  }

  run(): void {
    while (!this.#control.stopping) {
      this.#followSockets()
      this.#voucher.look(this.#sockets)
      // With one socket its own read waits; that saves a system call.
      if (this.#sockets.length === 1) this.#serve(0, MSG.WAITFORONE)
      else this.#serveReady()
    }
  }

  #followSockets(): void {
    const changed = this.#control.changedSockets(this.#version)
    if (changed === undefined) return
    this.#version = changed.version
    this.#sockets = changed.sockets
    changed.sockets.forEach(({ fd }, i) => {
      this.#polls.words[i * 2] = fd
      this.#polls.words[i * 2 + 1] = POLLIN
    })
    this.#control.take(changed.version)
  }

  #serveReady(): void {
    const count = this.#sockets.length
    if (this.#libc.poll(this.#polls.base, count, this.#waitMs) <= 0) return
    for (let i = 0; i < count; i++) if (this.#polls.words[i * 2 + 1]! >>> 16 !== 0) this.#serve(i, MSG.DONTWAIT)
  }

  #serve(socket: number, flags: number): void {
    const { fd } = this.#sockets[socket]!
    for (let round = 0, wait = flags; round < ROUNDS; round++, wait = MSG.DONTWAIT) {
      const count = this.#libc.recvmmsg(fd, this.#in.memory.base, BATCH, wait, 0)
      if (count < 0) return this.#failed()
      if (count === 0) return
      this.#answer(socket, fd, count)
      if (count < BATCH) return
    }
  }

  /** Nothing came within the wait; or the socket is broken, and asking again at once would only keep the machine busy. */
  #failed(): void {
    const errno = this.#libc.errno()
    if (errno !== constants.errno.EAGAIN && errno !== constants.errno.EINTR) this.#libc.poll(0, 0, this.#waitMs)
  }

  #answer(socket: number, fd: number, count: number): void {
    const nowMs = performance.now() - this.#originMs
    const scope = this.#control.scope(socket)
    this.#samples.follow()
    const { id } = this.#sockets[socket]!
    const heads = this.#heads
    heads.fair = this.#fair.head
    heads.excess = this.#excess.head
    const before = heads.fair + heads.excess
    let hits = 0
    let refused = 0
    let overflows = 0
    for (let i = 0; i < count; i++) {
      const out = hits + refused
      const size = this.#hit(i, scope, nowMs, out)
      if (size > 0) {
        this.#reply(out, i, size)
        hits++
      } else if (!this.#leave(i, id, heads, nowMs)) {
        const refusal = this.#refuse(i, nowMs, out)
        if (refusal > 0) {
          this.#reply(out, i, refusal)
          refused++
        } else overflows++
      }
      this.#in.rearm(i)
    }
    if (heads.fair + heads.excess !== before) {
      this.#fair.publish(heads.fair)
      this.#excess.publish(heads.excess)
      this.#control.ring()
    }
    const unsent = hits + refused > 0 ? this.#send(fd, hits + refused, nowMs) : 0
    const counts = this.#counts
    counts.hits = hits
    counts.misses = count - hits - refused - overflows
    counts.overflows = overflows
    counts.refused = refused
    counts.unsent = unsent
    this.#control.count(counts)
  }

  #reply(out: number, to: number, size: number): void {
    this.#out.setLength(out, size)
    this.#out.replyTo(out, this.#in, to)
  }

  /** Leaves packet `i` to the main thread, behind others of its kind. False when there is no room. */
  #leave(i: number, socket: number, heads: Record<RingName, number>, nowMs: number): boolean {
    const name = this.#shares.takeHash(this.#clientOf(i), nowMs) ? 'fair' : 'excess'
    const head = (name === 'fair' ? this.#fair : this.#excess).push(heads[name], socket, this.#in, i)
    if (head === heads[name]) return false
    heads[name] = head
    return true
  }

  /** Octets of the refusal of packet `i`, written as the reply `to`; 0 for silence. */
  #refuse(i: number, nowMs: number, to: number): number {
    const question = this.#question
    if (!question.read(this.#in.memory.bytes, this.#in.data(i), this.#in.received(i))) return 0
    if (!this.#refusals.takeHash(this.#clientOf(i), nowMs)) return 0
    this.#rows[to] = NO_ROW
    return writeRefusal(question, this.#out.memory.bytes, this.#out.data(to))
  }

  /** A number for the client's address. */
  #clientOf(i: number): number {
    const { words } = this.#in.memory
    const name = this.#in.name(i) >> 2
    if ((words[name]! & 0xffff) === AF.INET) return words[name + 1]!
    return mix(mix(mix(words[name + 2]!, words[name + 3]!), words[name + 4]!), words[name + 5]!)
  }

  /** Octets of the reply to packet `i`, written as the reply `to`; 0 when the main thread has to answer. */
  #hit(i: number, scope: number, nowMs: number, to: number): number {
    const { memory } = this.#in
    const question = this.#question
    if (!question.read(memory.bytes, this.#in.data(i), this.#in.received(i))) return 0
    question.family = this.#familyOf(i)
    const size = this.#reader.answer(question, memory, scope, nowMs, this.#out.memory, this.#out.data(to))
    if (size === 0) return 0
    const { row, rcode, denial } = this.#reader
    this.#tallies.count(row, question, rcode, denial, size - question.optLength)
    this.#samples.hit(question, rcode, memory.words, this.#in.name(i) >> 2)
    this.#rows[to] = row
    return size
  }

  #familyOf(i: number): 1 | 2 {
    const { words } = this.#in.memory
    const name = this.#in.name(i) >> 2
    if ((words[name]! & 0xffff) === AF.INET) return 1
    return words[name + 2] === 0 && words[name + 3] === 0 && words[name + 4] === MAPPED ? 1 : 2
  }

  #send(fd: number, count: number, startMs: number): number {
    const unsent = sendAll(this.#libc, fd, this.#out, count, 0)
    const seconds = (performance.now() - this.#originMs - startMs) / 1000
    for (let from = 0, end = 0; from < count; from = end) {
      const row = this.#rows[from]!
      while (end < count && this.#rows[end] === row) end++
      if (row !== NO_ROW) this.#tallies.countDurations(row, seconds, end - from)
    }
    return unsent
  }
}

const libc = await loadLibc()
if (!isAvailable(libc)) throw new Error(libc.unavailable)
new PacketWorker(workerData as WorkerStart, libc).run()
