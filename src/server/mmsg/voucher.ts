import type { Libc } from '../../native/libc.ts'
import { getOption, OPTION, setOption } from '../../native/socket-options.ts'
import type { Control } from './control.ts'

/** So long the main thread may be silent: half of the node agent's lease. */
const SILENCE_MS = 1000

/**
 * The mark of a socket tells the node agent's rules that the program answers. A worker can go on answering what is stored while the
 * main thread, which answers everything else, hangs: what it sends then has no mark, and the rules end with their lease.
 */
export class Voucher {
  readonly #libc: Libc
  readonly #control: Control
  /** By descriptor: the mark that the main thread gave the socket. */
  readonly #marks = new Map<number, number>()
  #beats = 0
  #heardMs = performance.now()
  #vouching = true

  constructor(libc: Libc, control: Control) {
    this.#libc = libc
    this.#control = control
  }

  /** To be called at every turn of the worker. */
  look(sockets: readonly { readonly fd: number }[]): void {
    const { beats } = this.#control
    // Nothing has a mark.
    if (beats === 0) return
    const now = performance.now()
    if (beats !== this.#beats) {
      this.#beats = beats
      this.#heardMs = now
    }
    const vouching = now - this.#heardMs <= SILENCE_MS
    if (vouching === this.#vouching) return
    this.#vouching = vouching
    if (!vouching) this.#remember(sockets)
    for (const [fd, mark] of this.#marks) setOption(this.#libc, fd, OPTION.MARK, vouching ? mark : 0)
    if (vouching) this.#marks.clear()
  }

  /** While the main thread is silent it opens and closes no socket, so the list holds until it is back. */
  #remember(sockets: readonly { readonly fd: number }[]): void {
    for (const { fd } of sockets) {
      const mark = getOption(this.#libc, fd, OPTION.MARK)
      if (mark !== 0) this.#marks.set(fd, mark)
    }
  }
}
