import type { Libc } from './libc.ts'
import { SystemCallError } from './system-call-error.ts'

const SOL = { SOCKET: 1, IP: 0, TCP: 6, IPV6: 41 } as const

interface Option {
  readonly name: string
  readonly level: number
  readonly number: number
}

/** Options whose value is a number (include/uapi/asm-generic/socket.h, linux/in.h, linux/in6.h). They work on every socket's descriptor. */
export const OPTION = {
  REUSEADDR: { name: 'SO_REUSEADDR', level: SOL.SOCKET, number: 2 },
  SNDBUF: { name: 'SO_SNDBUF', level: SOL.SOCKET, number: 7 },
  RCVBUF: { name: 'SO_RCVBUF', level: SOL.SOCKET, number: 8 },
  REUSEPORT: { name: 'SO_REUSEPORT', level: SOL.SOCKET, number: 15 },
  /** Beyond net.core.rmem_max; needs CAP_NET_ADMIN. */
  RCVBUFFORCE: { name: 'SO_RCVBUFFORCE', level: SOL.SOCKET, number: 33 },
  /** Firewall mark of what the socket sends; needs CAP_NET_ADMIN or CAP_NET_RAW. */
  MARK: { name: 'SO_MARK', level: SOL.SOCKET, number: 36 },
  BUSY_POLL: { name: 'SO_BUSY_POLL', level: SOL.SOCKET, number: 46 },
  /** What becomes of what is longer than the path takes: see `PATH_MTU`. */
  IP_MTU_DISCOVER: { name: 'IP_MTU_DISCOVER', level: SOL.IP, number: 10 },
  IP_PKTINFO: { name: 'IP_PKTINFO', level: SOL.IP, number: 8 },
  /** Acknowledge now and for the time being, rather than together with what is sent next (tcp(7)). */
  TCP_QUICKACK: { name: 'TCP_QUICKACK', level: SOL.TCP, number: 12 },
  IPV6_V6ONLY: { name: 'IPV6_V6ONLY', level: SOL.IPV6, number: 26 },
  IPV6_RECVPKTINFO: { name: 'IPV6_RECVPKTINFO', level: SOL.IPV6, number: 49 },
} as const satisfies Readonly<Record<string, Option>>

/**
 * Values of IP_MTU_DISCOVER. Linux forbids routers to cut up what fits the path as it is known, with both. FRAGMENT, the default, cuts up
 * here what does not fit, for which every packet is given a number that tells its fragments from others'; KEEP_WHOLE refuses that with
 * EMSGSIZE, and spares the number.
 */
export const PATH_MTU = { FRAGMENT: 1, KEEP_WHOLE: 2 } as const

const SO_RCVTIMEO = { name: 'SO_RCVTIMEO', level: SOL.SOCKET, number: 20 } as const
const SO_ATTACH_REUSEPORT_CBPF = { name: 'SO_ATTACH_REUSEPORT_CBPF', level: SOL.SOCKET, number: 51 } as const
const SO_DETACH_REUSEPORT_BPF = { name: 'SO_DETACH_REUSEPORT_BPF', level: SOL.SOCKET, number: 68 } as const

/** Throws SystemCallError. */
export function setOption(libc: Libc, fd: number, option: Option, value: number): void {
  setBytes(libc, fd, option, int(value))
}

/** Throws SystemCallError. */
export function getOption(libc: Libc, fd: number, option: Option): number {
  const value = int(0)
  if (libc.getsockopt(fd, option.level, option.number, value, int(4)) < 0) throw new SystemCallError(libc, `getsockopt ${option.name}`)
  return value.readInt32LE()
}

/** How long a read on the socket waits at most; 0 for ever. Throws SystemCallError. */
export function setReceiveTimeout(libc: Libc, fd: number, timeoutMs: number): void {
  const timeval = Buffer.alloc(16)
  timeval.writeBigInt64LE(BigInt(Math.floor(timeoutMs / 1000)), 0)
  timeval.writeBigInt64LE(BigInt((timeoutMs % 1000) * 1000), 8)
  setBytes(libc, fd, SO_RCVTIMEO, timeval)
}

/** One instruction of classic BPF (struct sock_filter). */
export interface Instruction {
  readonly code: number
  readonly jumpTrue: number
  readonly jumpFalse: number
  readonly k: number
}

/**
 * Gives the SO_REUSEPORT group of the socket a program that chooses who gets a packet or connection: it returns the number of the
 * socket in its group, in the order in which they were bound (or began to listen), all processes together. A number that no socket
 * has leaves the choice to the kernel's hash. Throws SystemCallError.
 */
export function attachReuseportFilter(libc: Libc, fd: number, program: readonly Instruction[]): void {
  const filters = libc.allocate(program.length * 8)
  try {
    program.forEach((instruction, i) => {
      filters.setShort(i * 8, instruction.code)
      filters.bytes[i * 8 + 2] = instruction.jumpTrue
      filters.bytes[i * 8 + 3] = instruction.jumpFalse
      filters.words[i * 2 + 1] = instruction.k
    })
    // struct sock_fprog: the number of instructions, then where they are.
    const header = Buffer.alloc(16)
    header.writeUInt16LE(program.length, 0)
    header.writeBigUInt64LE(BigInt(filters.base), 8)
    setBytes(libc, fd, SO_ATTACH_REUSEPORT_CBPF, header)
  } finally {
    libc.free(filters)
  }
}

/** The kernel's hash chooses again (Linux 5.3). Throws SystemCallError; ENOENT when no program was attached. */
export function detachReuseportFilter(libc: Libc, fd: number): void {
  setBytes(libc, fd, SO_DETACH_REUSEPORT_BPF, int(0))
}

function setBytes(libc: Libc, fd: number, option: Option, value: Uint8Array): void {
  if (libc.setsockopt(fd, option.level, option.number, value, value.length) < 0) throw new SystemCallError(libc, `setsockopt ${option.name}`)
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
