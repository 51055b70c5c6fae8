/** UDP sockets of one worker. */
export const SOCKET_LIMIT = 256

const FIELD = { STOP: 0, WANTED: 1, TAKEN: 2, COUNT: 3, BELL: 4, HITS: 5, MISSES: 6, OVERFLOWS: 7, REFUSED: 8, UNSENT: 9, BEAT: 10 } as const
/** Words of a ring's ends: behind the last octet written, behind the last one read. */
const RING = { fair: { HEAD: 11, TAIL: 12 }, excess: { HEAD: 13, TAIL: 14 } } as const
const HEADER_WORDS = 16
const SOCKET_WORDS = 3
/** A socket's row: descriptor, scope of the packet cache, the main thread's number for it. */
const SOCKET = { FD: 0, SCOPE: 1, ID: 2 } as const

/** Whose misses a ring holds: those of clients within their share, or what others ask beyond theirs. */
export type RingName = keyof typeof RING

/** Since the start; 32 bits, which wrap. */
export interface WorkerCounts {
  readonly hits: number
  readonly misses: number
  readonly overflows: number
  readonly refused: number
  readonly unsent: number
}

export interface WorkerSocket {
  readonly id: number
  readonly fd: number
  readonly scope: number
}

/** What main thread and worker tell each other, in shared memory. */
export class Control {
  readonly buffer: SharedArrayBuffer
  readonly words: Int32Array

  constructor(buffer = new SharedArrayBuffer((HEADER_WORDS + SOCKET_LIMIT * SOCKET_WORDS) * 4)) {
    this.buffer = buffer
    this.words = new Int32Array(buffer)
  }

  get stopping(): boolean {
    return Atomics.load(this.words, FIELD.STOP) !== 0
  }

  stop(): void {
    Atomics.store(this.words, FIELD.STOP, 1)
  }

  /** Main: it runs. */
  beat(): void {
    Atomics.add(this.words, FIELD.BEAT, 1)
  }

  /** Worker: changes while the main thread runs. */
  get beats(): number {
    return Atomics.load(this.words, FIELD.BEAT)
  }

  /** Main: replaces the list of sockets, and gives the number to wait for in `taken`. */
  setSockets(sockets: readonly WorkerSocket[]): number {
    // An odd number says that the list is being written.
    Atomics.add(this.words, FIELD.WANTED, 1)
    sockets.forEach(({ id, fd, scope }, i) => {
      Atomics.store(this.words, row(i) + SOCKET.ID, id)
      Atomics.store(this.words, row(i) + SOCKET.FD, fd)
      Atomics.store(this.words, row(i) + SOCKET.SCOPE, scope)
    })
    Atomics.store(this.words, FIELD.COUNT, sockets.length)
    return Atomics.add(this.words, FIELD.WANTED, 1) + 1
  }

  /** Main: from now on the socket at place `i` is answered from nothing that was stored before. */
  setScope(i: number, scope: number): void {
    Atomics.store(this.words, row(i) + SOCKET.SCOPE, scope)
  }

  /** The version of the list that the worker uses now. */
  get taken(): number {
    return Atomics.load(this.words, FIELD.TAKEN)
  }

  /** Worker: the list if it is not version `known`; undefined while it is, or while it is being written. */
  changedSockets(known: number): { readonly version: number; readonly sockets: readonly { readonly id: number; readonly fd: number }[] } | undefined {
    const version = Atomics.load(this.words, FIELD.WANTED)
    if (version === known || version % 2 !== 0) return undefined
    const sockets = Array.from({ length: Atomics.load(this.words, FIELD.COUNT) }, (_, i) => ({
      id: Atomics.load(this.words, row(i) + SOCKET.ID), fd: Atomics.load(this.words, row(i) + SOCKET.FD),
    }))
    return Atomics.load(this.words, FIELD.WANTED) === version ? { version, sockets } : undefined
  }

  /** Worker: from now on this version is used, and no descriptor that is not in it. */
  take(version: number): void {
    Atomics.store(this.words, FIELD.TAKEN, version)
  }

  scope(i: number): number {
    return Atomics.load(this.words, row(i) + SOCKET.SCOPE)
  }

  /** Worker: what became of a batch. */
  count({ hits, misses, overflows, refused, unsent }: WorkerCounts): void {
    if (hits > 0) Atomics.add(this.words, FIELD.HITS, hits)
    if (misses > 0) Atomics.add(this.words, FIELD.MISSES, misses)
    if (overflows > 0) Atomics.add(this.words, FIELD.OVERFLOWS, overflows)
    if (refused > 0) Atomics.add(this.words, FIELD.REFUSED, refused)
    if (unsent > 0) Atomics.add(this.words, FIELD.UNSENT, unsent)
  }

  get counts(): WorkerCounts {
    const at = (field: number) => Atomics.load(this.words, field)
    return { hits: at(FIELD.HITS), misses: at(FIELD.MISSES), overflows: at(FIELD.OVERFLOWS), refused: at(FIELD.REFUSED), unsent: at(FIELD.UNSENT) }
  }

  /** Worker: a ring has something; also main, to wake itself. */
  ring(): void {
    Atomics.add(this.words, FIELD.BELL, 1)
    Atomics.notify(this.words, FIELD.BELL)
  }

  /** Main: how often it has rung, to be read before the rings are looked at. */
  get rings(): number {
    return Atomics.load(this.words, FIELD.BELL)
  }

  /** Main: until it has rung more often than `rings`; undefined when it has already. */
  nextRing(rings: number): Promise<unknown> | undefined {
    const waiting = Atomics.waitAsync(this.words, FIELD.BELL, rings)
    return waiting.async ? waiting.value : undefined
  }

  head(ring: RingName): number {
    return Atomics.load(this.words, RING[ring].HEAD)
  }

  setHead(ring: RingName, head: number): void {
    Atomics.store(this.words, RING[ring].HEAD, head)
  }

  tail(ring: RingName): number {
    return Atomics.load(this.words, RING[ring].TAIL)
  }

  setTail(ring: RingName, tail: number): void {
    Atomics.store(this.words, RING[ring].TAIL, tail)
  }
}

function row(i: number): number {
  return HEADER_WORDS + i * SOCKET_WORDS
}
