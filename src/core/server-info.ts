import type { Query } from './query.ts'

/** The listener group that a query came in by: one per scheme, bind address and port. Stages use it as a key for metric handles. */
export interface ServerInfo {
  /** The `server` label: `dns://:53`, `dns://169.254.20.10:53`, `dns://[::1]:53`. */
  readonly label: string
  /** Finds the block for the query's name and runs its whole chain; the reply is in the query afterwards. */
  dispatch(query: Query): void | Promise<void>
}

/** Makes one value per listener group on first use: metric handles, mostly. */
export class PerServer<T> {
  readonly #made = new WeakMap<ServerInfo, T>()
  readonly #make: (server: ServerInfo) => T
  #lastServer: ServerInfo | undefined
  #last: T | undefined

  constructor(make: (server: ServerInfo) => T) {
    this.#make = make
  }

  of(server: ServerInfo): T {
    if (server === this.#lastServer) return this.#last!
    let value = this.#made.get(server)
    if (value === undefined) {
      value = this.#make(server)
      this.#made.set(server, value)
    }
    this.#lastServer = server
    this.#last = value
    return value
  }
}
