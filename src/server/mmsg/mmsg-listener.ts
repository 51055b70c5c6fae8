import { sleep } from '../../base/clock.ts'
import type { Peer } from '../../core/query.ts'
import type { Libc } from '../../native/libc.ts'
import { isReadable, turnAway } from '../../native/udp-socket.ts'
import type { Listener, ListenerWorld, Target } from '../listener.ts'
import type { PacketThread } from './packet-thread.ts'

/** A socket of a listener and the worker that reads it. */
export interface Share {
  readonly id: number
  readonly fd: number
  readonly thread: PacketThread
}

/** An address and port: one socket for each worker. The main thread owns them, so that they outlive a worker. */
export class MmsgListener implements Listener {
  readonly address: string
  readonly port: number
  readonly target: Target
  readonly local: Peer
  /** Queries of this listener that the main thread has taken and not answered. */
  underWay = 0
  readonly #shares: readonly Share[]
  readonly #libc: Libc
  readonly #world: ListenerWorld
  readonly #closed: (id: number) => void

  constructor(place: { readonly address: string; readonly port: number; readonly local: Peer }, target: Target, shares: readonly Share[], libc: Libc, world: ListenerWorld, closed: (id: number) => void) {
    this.address = place.address
    this.port = place.port
    this.local = place.local
    this.target = target
    this.#shares = shares
    this.#libc = libc
    this.#world = world
    this.#closed = closed
    for (const { id, fd, thread } of shares) thread.add({ id, fd, scope: target.group.scope })
  }

  descriptor(id: number): number {
    return this.#shares.find((share) => share.id === id)!.fd
  }

  retargeted(): void {
    for (const { id, thread } of this.#shares) thread.setScope(id, this.target.group.scope)
  }

  /**
   * New packets go to who shares the port. Closing a socket loses what is queued in it, so the workers read on until it is empty and let go of it; if something has come
   * meanwhile they take it again. Then what is on its way here is answered, and the sockets close.
   */
  async drain(graceMs: number): Promise<void> {
    const end = this.#world.clock.nowMs() + graceMs
    for (const { fd } of this.#shares) turnAway(this.#libc, fd, this.address)
    await Promise.all(this.#shares.map((share) => this.#release(share, end)))
    await this.#wait(end, () => this.underWay === 0 && this.#shares.every(({ thread: { rings } }) => rings.fair.isEmpty && rings.excess.isEmpty))
    for (const { id, fd, thread } of this.#shares) {
      this.#closed(id)
      // A number that a worker still reads from must not become another socket's.
      if (thread.reads(id)) this.#world.log.error(`udp ${this.address}:${this.port}: a packet worker does not let go of its socket; it stays open`)
      else this.#libc.close(fd)
    }
  }

  async #release({ id, fd, thread }: Share, end: number): Promise<void> {
    for (;;) {
      await this.#wait(end, () => !isReadable(this.#libc, fd))
      thread.remove(id)
      // Beyond the grace: a worker that was told looks at its list at least every `waitMs`.
      await this.#wait(Math.max(end, this.#world.clock.nowMs() + thread.waitMs * 20), () => !thread.reads(id))
      if (thread.reads(id) || !isReadable(this.#libc, fd) || this.#world.clock.nowMs() >= end) return
      thread.add({ id, fd, scope: this.target.group.scope })
    }
  }

  async #wait(end: number, reached: () => boolean): Promise<void> {
    while (!reached() && this.#world.clock.nowMs() < end) await sleep(this.#world.clock, 5)
  }
}
