import type koffiModule from 'koffi'
import { Memory } from './memory.ts'

/**
 * The system calls that Node has no names for, through koffi: libc itself, no code of our own to compile. Offsets and constants are
 * those of Linux on 64-bit little-endian machines. Calls give what the kernel gave; negative is a failure, with the reason in `errno`.
 * Addresses are plain numbers, since user space ends far below 2^53.
 */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, name: Uint8Array, length: number): number
  connect(fd: number, name: Uint8Array, length: number): number
  close(fd: number): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number
  /** `length` holds a 32-bit number: room before, octets written after. */
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number
  getsockname(fd: number, name: Uint8Array, length: Uint8Array): number
  /** `messages`: address of an array of struct mmsghdr. Blocks as the socket does; the thread runs nothing else meanwhile. */
  recvmmsg(fd: number, messages: number, count: number, flags: number, timeout: number): number
  sendmmsg(fd: number, messages: number, count: number, flags: number): number
  /** `fds`: address of an array of struct pollfd. */
  poll(fds: number, count: number, timeoutMs: number): number
  eventfd(initial: number, flags: number): number
  read(fd: number, data: Uint8Array, length: number): number
  write(fd: number, data: Uint8Array, length: number): number
  /** Ends the process at once, whatever its threads are doing: nothing is flushed, no handler runs. */
  exit(status: number): never
  /** Of this thread's last call that failed. */
  errno(): number
  /** Memory that does not move and belongs to this thread. Its contents are whatever they are. */
  allocate(sizeBytes: number): Memory
  free(memory: Memory): void
  /** Gives the system what is free between what is not, of all threads: glibc keeps it. Nothing where libc has no such call. */
  trim(): void
}

/** There is no libc to call on this machine; the reason, for people. */
export interface NotAvailable {
  readonly unavailable: string
}

let loaded: Promise<Libc | NotAvailable> | undefined

/** Loads koffi at the first call. Never rejects: a program must run, if slower, where the addon does not load. */
export function loadLibc(): Promise<Libc | NotAvailable> {
  loaded ??= load()
  return loaded
}

export function isAvailable(libc: Libc | NotAvailable): libc is Libc {
  return !('unavailable' in libc)
}

async function load(): Promise<Libc | NotAvailable> {
  if (process.platform !== 'linux') return { unavailable: `needs Linux, this is ${process.platform}` }
  if (process.arch !== 'x64' && process.arch !== 'arm64') return { unavailable: `needs x64 or arm64, this is ${process.arch}` }
  try {
    return bindAll((await import('koffi')).default)
  } catch (error) {
    return { unavailable: `koffi does not load: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}` }
  }
}

/** By name of the method: the prototype as libc has it, addresses as numbers where the hot path passes them. */
const PROTOTYPES = {
  socket: 'int socket(int domain, int type, int protocol)',
  bind: 'int bind(int fd, const void *name, uint length)',
  connect: 'int connect(int fd, const void *name, uint length)',
  close: 'int close(int fd)',
  setsockopt: 'int setsockopt(int fd, int level, int option, const void *value, uint length)',
  getsockopt: 'int getsockopt(int fd, int level, int option, void *value, void *length)',
  getsockname: 'int getsockname(int fd, void *name, void *length)',
  recvmmsg: 'int recvmmsg(int fd, uint64 messages, uint count, int flags, uint64 timeout)',
  sendmmsg: 'int sendmmsg(int fd, uint64 messages, uint count, int flags)',
  poll: 'int poll(uint64 fds, uint64 count, int timeout)',
  eventfd: 'int eventfd(uint initial, int flags)',
  read: 'int64 read(int fd, void *data, uint64 length)',
  write: 'int64 write(int fd, const void *data, uint64 length)',
  exit: 'void _exit(int status)',
} as const

type Koffi = typeof koffiModule

function bindAll(koffi: Koffi): Libc {
  const library = koffi.load(null)
  const calls = Object.fromEntries(Object.entries(PROTOTYPES).map(([name, prototype]) => [name, library.func(prototype)]))
  return {
    ...(calls as unknown as Pick<Libc, keyof typeof PROTOTYPES>),
    errno: () => koffi.errno(),
    allocate(sizeBytes) {
      const pointer = koffi.alloc('uint8_t', sizeBytes)
      return new Memory(Number(koffi.address(pointer)), koffi.view(pointer, sizeBytes))
    },
    free: (memory) => koffi.free(BigInt(memory.base)),
    trim: trimmer(library),
  }
}

/** musl gives back by itself, and has no name for it. */
function trimmer(library: ReturnType<Koffi['load']>): () => void {
  try {
    const trim = library.func('int malloc_trim(uint64 pad)')
    return () => void trim(0)
  } catch {
    return () => undefined
  }
}
