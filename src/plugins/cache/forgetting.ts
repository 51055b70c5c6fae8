import type { Clock, Timer } from '../../base/clock.ts'
import { parentOf, type Name } from '../../wire/name.ts'
import type { Store } from './store.ts'
import type { Stores } from './stores.ts'

/** A cluster that changes all the time costs one walk through the stores per so many milliseconds. */
const PAUSE_MS = 100

/** Forgets what the stages below say has changed: the first change at once, those that follow on its heels together. */
export class Forgetting {
  readonly #stores: Stores
  readonly #clock: Clock
  #names = new Set<Name>()
  #pause: Timer | undefined

  constructor(stores: Stores, clock: Clock) {
    this.#stores = stores
    this.#clock = clock
  }

  /** Names in lower case; what is below them is meant too. */
  add(names: readonly Name[]): void {
    for (const name of names) this.#names.add(name)
    if (this.#pause === undefined) this.#run()
  }

  stop(): void {
    this.#pause?.cancel()
  }

  #run(): void {
    this.#pause = undefined
    if (this.#names.size === 0) return
    const names = this.#names
    this.#names = new Set()
    forget(this.#stores.success, names)
    forget(this.#stores.denial, names)
    this.#pause = this.#clock.after(PAUSE_MS, () => this.#run())
  }
}

function forget(store: Store, names: ReadonlySet<Name>): void {
  const gone = [...store.keys()].filter(([, name]) => isBelowAny(name, names))
  for (const [key] of gone) store.delete(key)
}

function isBelowAny(name: Name, names: ReadonlySet<Name>): boolean {
  for (let at = name; at !== '.'; at = parentOf(at)) if (names.has(at)) return true
  return names.has('.')
}
