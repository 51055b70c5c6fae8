import { isAvailable, loadLibc, type Libc } from '../native/libc.ts'
import { attachReuseportFilter, detachReuseportFilter, type Instruction } from '../native/socket-options.ts'
import { SystemCallError } from '../native/system-call-error.ts'
import { turnAway } from '../native/udp-socket.ts'
import { descriptorOf } from './descriptor.ts'

/** In a group of two the one that leaves came first. BPF_RET | BPF_K; in a group of one the number counts for nothing. */
const TO_THE_NEWCOMER: readonly Instruction[] = [{ code: 0x06, jumpTrue: 0, jumpFalse: 0, k: 1 }]

/** New connections go to the other listener on this port, if there is one. Where the kernel cannot do that its hash goes on choosing. */
export function giveToNewcomer(server: object): Promise<void> {
  return withDescriptor(server, (libc, fd) => attachReuseportFilter(libc, fd, TO_THE_NEWCOMER))
}

/** What one that left has told the kernel counts no more: the next newcomer must not get connections before it wants them. */
export function forgetFarewells(server: object): Promise<void> {
  return withDescriptor(server, (libc, fd) => detachReuseportFilter(libc, fd))
}

/** A UDP socket of Node's gets no new packets, and can still be read and send. */
export function turnSocketAway(socket: object, address: string): Promise<void> {
  return withDescriptor(socket, (libc, fd) => { turnAway(libc, fd, address) })
}

/** Does nothing where there is no libc to call, or the kernel refuses. */
async function withDescriptor(socket: object, call: (libc: Libc, fd: number) => void): Promise<void> {
  const libc = await loadLibc()
  const fd = descriptorOf(socket)
  if (!isAvailable(libc) || fd === undefined) return
  try {
    call(libc, fd)
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
  }
}
