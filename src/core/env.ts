import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Key } from '../corefile/tree.ts'
import type { ExtendedError } from '../wire/edns.ts'
import type { Edns, Message, Question } from '../wire/message.ts'
import type { Name } from '../wire/name.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { Metrics, MetricsFormat } from './metrics.ts'
import type { Spans } from './spans.ts'
import type { Slot, Stage } from './plugin.ts'
import type { Protocol, Query } from './query.ts'
import type { PacketCache } from './quick.ts'

/** The world as a stage sees it: everything below the edge folders reaches the outside through this and nothing else. */
export interface Env {
  readonly block: BlockInfo
  /** Prefixed with `plugin/NAME: `. */
  readonly log: Log
  /** Without a prefix: for the lines that are the product themselves, such as those of `log`. */
  readonly plainLog: Log
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
  readonly files: Files
  readonly http: Http
  readonly host: Host
  readonly spans: Spans
  readonly streams: Streams
  /** EDNS options that replies copy from the client's OPT when no stage made an OPT; `rewrite edns0 local` adds its codes. */
  readonly echoed: { add(code: number): void; has(code: number): boolean }
  /** What answers for stores without them. */
  readonly packets: PacketCache
  /** What all caches of the process may hold together. */
  readonly cacheBudget: ByteBudget
  /** A place in every query for what this stage remembers between its way down and its way up. */
  slot<T>(): Slot<T>
  /** Asks on behalf of a query; see `Ask`. Resolves always: an answer that failed has `written` false and an `error`. */
  ask(q: Query, ask: Ask): Promise<Answer>
  /** All stages of the same block, in order of execution. Complete from `start` on. */
  siblings(): readonly Stage[]
  /** Something that outlives a reload, such as a cache, as long as this block, directive and every directive below it read the same. */
  keep<T>(make: () => T): T
  /** The search domains of the process's own /etc/resolv.conf. */
  hostSearchPath(): readonly Name[]
  /** One thing for the whole process by name: what several blocks contribute to. Outlives reloads; names are few and fixed. */
  shared<T>(name: string, make: () => T): T
  /** Every metric of the process, in Prometheus's text format or in OpenMetrics. */
  exposeMetrics(format?: MetricsFormat): Promise<string>
  /** Ends the process with status 1 after logging why. */
  fatal(text: string): void
}

/** What connections want of the system that Node has no words for. */
export interface Streams {
  /**
   * What makes a connected socket acknowledge at once what it has received. A peer that sends answers one by one and waits for the first
   * to be acknowledged (Nagle's algorithm) would wait 40 ms for each that follows. To be called again and again: the kernel forgets it.
   */
  acknowledger(socket: object): () => void
}

export interface Ask {
  /** `below`: the stages after this one. `server`: the whole server anew, zone search included. */
  readonly scope: 'below' | 'server'
  /** Instead of the query's present question. */
  readonly question?: Question
  /** Instead of the client's protocol: background refreshes go over TCP. */
  readonly protocol?: Protocol
  /** Sets the AD bit of the request. */
  readonly ad?: boolean
}

/** What `ask` yields. `message` is the caller's own: its sections can be edited. */
export interface Answer {
  readonly message: Message
  /** False when no stage wrote a message and only the rcode counts. */
  readonly written: boolean
  /** A stage wants no reply at all. */
  readonly dropped: boolean
  readonly error: Error | undefined
  /** What clients are told of that. */
  readonly extendedError: ExtendedError | undefined
  /** Name of the stage that answered; empty for none. */
  readonly by: string
  /** The question's OPT as the stages it went through left it. */
  readonly askedEdns: Edns | undefined
}

export interface BlockInfo {
  readonly keys: readonly Key[]
  /** Zones of all keys, lower-cased and absolute. */
  readonly zones: readonly Name[]
  /** The `view` label: the name that the `view` directive gives, or empty. */
  readonly view: string
  /** `server` labels of the listener groups that serve the block. Complete from `start` on. */
  serverLabels(): readonly string[]
  /** Literal addresses that the block listens on, wildcard ones included (`0.0.0.0`, `::`), with port. Complete from `serving` on. */
  listening(): readonly { readonly address: string; readonly port: number }[]
  /** Addresses given by `bind`, resolved; empty without one. */
  bound(): readonly string[]
  /** Zones of all other blocks, on whatever port. Complete from `start` on. */
  otherZones(): readonly Name[]
}

export interface Random {
  /** Uniform in [0, 1). Not for secrets. */
  float(): number
  /** Cryptographically strong: query ids, probe names. Uniform in [0, limit). */
  int(limit: number): number
}

export interface Files {
  /** Absolute path of a path as written in a Corefile (relative to the working directory). */
  resolve(path: string): string
  /** Throws the system's error with its code. */
  read(path: string): Uint8Array
  /** Undefined when there is nothing. */
  stat(path: string): FileStat | undefined
}

export interface FileStat {
  readonly mtimeMs: number
  readonly sizeBytes: number
  readonly directory: boolean
}

/** HTTP endpoints of the process. Listeners are shared by address and outlive a reload that keeps them. */
export interface Http {
  /** Serves GET `path` at `address` (`host:port`, host may be empty). Rejects when the address is taken or malformed. */
  serve(address: string, path: string, handle: HttpHandler, options?: { readonly tls?: HttpTls }): Promise<HttpEndpoint>
}

/** HTTPS, from files that are read again when they change. All who share an address share its files. */
export interface HttpTls {
  readonly certFile: string
  readonly keyFile: string
  /** Client certificates must be signed by one of these; undefined: none are asked for. */
  readonly clientCaFile: string | undefined
  /** A client without a certificate is turned away. */
  readonly clientCertificate: 'required' | 'optional'
}

export type HttpHandler = (request: HttpRequest) => HttpReply | Promise<HttpReply>

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string | undefined>>
}

export interface HttpReply {
  readonly status: number
  readonly body: string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpEndpoint {
  /** Port in use, for addresses with port 0. */
  readonly port: number
  close(): Promise<void>
}

/** Facts about the machine. */
export interface Host {
  readonly name: string
  /** Addresses of all interfaces, now. */
  addresses(): readonly InterfaceAddress[]
  environment(name: string): string | undefined
  /** Asks the process's own HTTP endpoint, as the health self-probe does. Rejects on failure or after `timeoutMs`. */
  httpGet(url: string, timeoutMs: number): Promise<number>
  readonly profiler: Profiler
}

/** Looks into the running program, in V8's own formats. */
export interface Profiler {
  /** Everything on the heap, as JSON. The program does nothing else meanwhile. */
  heapSnapshot(): Promise<string>
  /** Where the time of the next `ms` goes, as JSON. */
  cpuProfile(ms: number): Promise<string>
}

export interface InterfaceAddress {
  readonly link: string
  readonly address: string
  readonly loopback: boolean
}
