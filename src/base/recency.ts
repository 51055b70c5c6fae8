/** What a list by use holds; the links are the list's own. */
export interface Linked<T> {
  newer: T | undefined
  older: T | undefined
}

/** Things in the order of their last use, linked through themselves, so that a use costs no memory and no search. */
export class Recency<T extends Linked<T>> {
  newest: T | undefined
  oldest: T | undefined

  /** Adds one that is in no list. */
  add(thing: T): void {
    const { newest } = this
    thing.older = newest
    if (newest === undefined) this.oldest = thing
    else newest.newer = thing
    this.newest = thing
  }

  /** Takes one out that is in this list. */
  remove(thing: T): void {
    const { newer, older } = thing
    if (newer === undefined) this.newest = older
    else newer.older = older
    if (older === undefined) this.oldest = newer
    else older.newer = newer
    thing.newer = thing.older = undefined
  }

  /** It was used now. */
  touch(thing: T): void {
    if (thing === this.newest) return
    this.remove(thing)
    this.add(thing)
  }
}
