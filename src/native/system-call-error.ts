import { constants } from 'node:os'
import type { Libc } from './libc.ts'

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))

/** Why a system call failed, with `code` and `syscall` as Node's own errors have them. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError'
  readonly code: string
  readonly syscall: string

  /** To be made right after the call, on the same thread. */
  constructor(libc: Libc, syscall: string) {
    const code = errnoName(libc.errno())
    super(`${syscall}: ${code}`)
    this.code = code
    this.syscall = syscall
  }
}

export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`
}
