import { connect, type Socket } from 'node:net'

/** A reply's head is at most this long. */
const HEAD_LIMIT_BYTES = 16_384

/**
 * GET requests to one server, one after the other on one connection, of which the status alone counts. Who asks once a second, for as long as
 * the process runs, pays a tenth of a percent of a processor with this, and thrice as much with Node's client.
 */
export class HttpGetter {
  readonly url: string
  readonly #host: string
  readonly #port: number
  readonly #request: string
  #connection: Connection | undefined

  constructor(url: string) {
    this.url = url
    const { hostname, port, pathname, search, host } = new URL(url)
    this.#host = hostname.replace(/^\[(.*)\]$/, '$1')
    this.#port = Number(port === '' ? 80 : port)
    this.#request = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  }

  /** The status. Rejects with the system's error, and when there is no answer in time. */
  async get(timeoutMs: number): Promise<number> {
    const known = this.#connection
    if (known !== undefined && known.usable) {
      try {
        return await known.ask(this.#request, timeoutMs)
      } catch (error) {
        // A server may end a connection that nobody uses just when it is used again: that says nothing of the server.
        if (error instanceof SilenceError) throw error
      }
    }
    this.#connection = new Connection(connect({ host: this.#host, port: this.#port, noDelay: true }).unref())
    return this.#connection.ask(this.#request, timeoutMs)
  }

  close(): void {
    this.#connection?.close()
  }
}

class SilenceError extends Error {}

class Connection {
  readonly #socket: Socket
  #text = ''
  #settle: ((outcome: number | Error) => void) | undefined
  usable = true

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#take(text))
    socket.on('error', (error) => this.#end(error))
    socket.on('timeout', () => this.#end(new SilenceError(`no answer within ${socket.timeout} ms`)))
    socket.on('close', () => this.#end(new Error('the server ended the connection')))
  }

  ask(request: string, timeoutMs: number): Promise<number> {
    this.#text = ''
    this.#socket.setTimeout(timeoutMs)
    this.#socket.write(request)
    return new Promise((resolve, reject) => {
      this.#settle = (outcome) => (typeof outcome === 'number' ? resolve(outcome) : reject(outcome))
    })
  }

  close(): void {
    this.#end(new Error('closed'))
  }

  #take(text: string): void {
    this.#text += text
    const head = /^HTTP\/1\.1 (\d{3}) [^]*?\r\n\r\n/.exec(this.#text)
    if (head === null) {
      if (this.#text.length > HEAD_LIMIT_BYTES) this.#end(new Error('the reply is no HTTP'))
      return
    }
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head[0])
    if (length !== null && this.#text.length < head[0].length + Number(length[1])) return
    this.#settle?.(Number(head[1]))
    this.#settle = undefined
    this.#socket.setTimeout(0)
    // How long it is only its end tells.
    if (length === null) this.close()
  }

  #end(error: Error): void {
    this.usable = false
    this.#socket.destroy()
    this.#settle?.(error)
    this.#settle = undefined
  }
}
