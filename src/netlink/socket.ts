import { constants } from 'node:os'
import { RawNetlinkSocket } from 'netlink'
import { align } from './attributes.ts'
import { dropQuietly } from './descriptor.ts'

const HEADER_BYTES = 16
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
/** The kernel answers within milliseconds, or while somebody restores a large rule set, within seconds. */
const TIMEOUT_MS = 20_000

export const FLAG = { REQUEST: 1, MULTI: 2, ACK: 4, REPLACE: 0x100, EXCL: 0x200, CREATE: 0x400, APPEND: 0x800, DUMP: 0x300 } as const
export const PROTOCOL = { ROUTE: 0, NETFILTER: 12 } as const

/** A message without its header. */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly body: Uint8Array
}

/** The kernel refused a message. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError'
  /** `EPERM`, `ENOENT` … */
  readonly code: string
  /** Which message of a batch it was, counted from 0. */
  readonly index: number

  constructor(code: string, index: number, what: string) {
    super(`${what}: ${code}${code === 'EPERM' ? ' (needs the capability NET_ADMIN, or belongs to another process)' : ''}`)
    this.code = code
    this.index = index
  }
}

interface Waiting {
  readonly first: number
  readonly count: number
  readonly what: string
  readonly replies: Message[]
  acknowledged: number
  failure: NetlinkError | undefined
  resolve(replies: Message[]): void
  reject(error: Error): void
  readonly timer: NodeJS.Timeout
}

/** A netlink socket: requests one after another, notifications in between. */
export class NetlinkSocket {
  readonly #socket: RawNetlinkSocket
  readonly #notify: (message: Message) => void
  #sequence = 1
  #waiting: Waiting | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  /**
   * `groups`: multicast groups to hear of, as far as their messages fit into the buffer; what does not fit is lost without a word.
   * Throws the system's error.
   */
  constructor(protocol: number, options: { groups?: readonly number[]; notify?: (message: Message) => void } = {}) {
    this.#socket = new RawNetlinkSocket(protocol)
    this.#notify = options.notify ?? (() => {})
    this.#socket.on('message', (bytes) => this.#receive(bytes))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#turn = dropQuietly(this.#socket.address().port).then((quiet) => {
      if (!quiet || this.#closed) return
      for (const group of options.groups ?? []) this.#socket.addMembership(group)
    })
  }

  /** Sends one message and gives what the kernel answers. Rejects with NetlinkError. */
  request(what: string, message: Message): Promise<Message[]> {
    return this.batch(what, [message])
  }

  /** Sends messages at once; all must be acknowledged. Rejects with the first NetlinkError. */
  batch(what: string, messages: readonly Message[]): Promise<Message[]> {
    const run = this.#turn.then(() => this.#send(what, messages))
    this.#turn = run.catch(() => undefined)
    return run
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.close()
    this.#settle(new Error('netlink socket closed'))
  }

  #send(what: string, messages: readonly Message[]): Promise<Message[]> {
    if (this.#closed) return Promise.reject(new Error(`${what}: netlink socket closed`))
    const first = this.#sequence
    const bytes = Buffer.concat(messages.map((message) => withHeader(message, this.#sequence++)))
    const count = messages.filter((message) => (message.flags & (FLAG.ACK | FLAG.DUMP)) !== 0).length
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(new Error(`${what}: the kernel did not answer within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS)
      this.#waiting = { first, count, what, replies: [], acknowledged: 0, failure: undefined, resolve, reject, timer }
      this.#socket.send(bytes, undefined, (error) => {
        if (error !== undefined && error !== null) this.#settle(new NetlinkError(error.code, 0, what))
      })
    })
  }

  #receive(bytes: Buffer): void {
    for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
      const length = bytes.readUInt32LE(at)
      if (length < HEADER_BYTES || at + length > bytes.length) return
      const message = { type: bytes.readUInt16LE(at + 4), flags: bytes.readUInt16LE(at + 6), body: Buffer.from(bytes.subarray(at + HEADER_BYTES, at + length)) }
      this.#take(message, bytes.readUInt32LE(at + 8))
      at += align(length)
    }
  }

  #take(message: Message & { body: Buffer }, sequence: number): void {
    const waiting = this.#waiting
    if (waiting === undefined || sequence < waiting.first) return this.#notify(message)
    if (message.type === NLMSG_ERROR) {
      const errno = -message.body.readInt32LE(0)
      if (errno !== 0) waiting.failure ??= new NetlinkError(errnoName(errno), sequence - waiting.first, waiting.what)
      waiting.acknowledged++
    } else if (message.type === NLMSG_DONE) waiting.acknowledged++
    else waiting.replies.push(message)
    if (waiting.acknowledged >= waiting.count || waiting.failure !== undefined) this.#settle(waiting.failure)
  }

  #settle(error: Error | undefined): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    clearTimeout(waiting.timer)
    if (error === undefined) waiting.resolve(waiting.replies)
    else waiting.reject(error)
  }

  #fail(error: { code: string; message: string }): void {
    this.#settle(new NetlinkError(error.code, 0, error.message))
  }
}

function withHeader(message: Message, sequence: number): Buffer {
  const bytes = Buffer.alloc(align(HEADER_BYTES + message.body.length))
  bytes.writeUInt32LE(HEADER_BYTES + message.body.length, 0)
  bytes.writeUInt16LE(message.type, 4)
  bytes.writeUInt16LE(message.flags | FLAG.REQUEST, 6)
  bytes.writeUInt32LE(sequence, 8)
  bytes.set(message.body, HEADER_BYTES)
  return bytes
}

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))

function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`
}
