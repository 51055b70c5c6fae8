import type { Keepsakes } from '../core/build.ts'

/** Caches and the like that outlive a reload. What the new configuration does not take over is forgotten at its commit. */
export class KeepsakeStore implements Keepsakes {
  #kept = new Map<string, unknown>()
  #next = new Map<string, unknown>()

  /** A generation is about to be built. */
  begin(): void {
    this.#next = new Map()
  }

  get(key: string): unknown {
    const value = this.#next.get(key) ?? this.#kept.get(key)
    if (value !== undefined) this.#next.set(key, value)
    return value
  }

  set(key: string, value: unknown): void {
    this.#next.set(key, value)
  }

  /** The generation serves. */
  commit(): void {
    this.#kept = this.#next
    this.#next = new Map()
  }
}
