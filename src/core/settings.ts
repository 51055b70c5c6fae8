import type { Token } from '../corefile/tree.ts'
import type { Name } from '../wire/name.ts'

/** What directives without a place in the chain tell the server about a block. */
export interface BlockSettings {
  /** `bind`: addresses and interface names in the order written; empty means every address. */
  readonly bind: readonly BindRule[]
  /** `debug`: debug log lines, and a bug in a stage ends the process instead of one query. */
  readonly debug: boolean
  readonly timeouts: Timeouts
  /** `reload`: how often the Corefile is looked at. */
  readonly reload: ReloadSettings | undefined
  /** `errors { stacktrace }`. */
  readonly stacktrace: boolean
  /** `view`: the block's name in metrics; empty without one. */
  readonly view: string
  /** `metadata`: the zones of the names whose queries carry labels. */
  readonly metadata: readonly Name[] | undefined
  /** `root`: the folder that relative paths begin at; undefined for the working directory. */
  readonly root: string | undefined
  /** `tls`: the certificate of servers that speak TLS. */
  readonly tls: TlsOptions | undefined
  /** `https`: connections at once; 0 for no limit. */
  readonly httpsConnections: number
}

/** Files are paths as written. */
export interface TlsOptions {
  /** For errors. */
  readonly token: Token
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
  readonly clientAuth: 'nocert' | 'request' | 'require' | 'verify_if_given' | 'require_and_verify'
  readonly keylog: string | undefined
}

/** One `bind` line: addresses or interfaces, less those of `except`. */
export interface BindRule {
  readonly include: readonly Token[]
  readonly except: readonly Token[]
}

export interface Timeouts {
  /** First message on a TCP connection. */
  readonly readMs: number
  readonly writeMs: number
  /** Between messages on a TCP connection. */
  readonly idleMs: number
  /** Queries per TCP connection; -1 for no limit. */
  readonly maxTcpQueries: number
}

export interface ReloadSettings {
  readonly intervalMs: number
  readonly jitterMs: number
}

export const DEFAULT_SETTINGS: BlockSettings = {
  bind: [],
  debug: false,
  timeouts: { readMs: 3000, writeMs: 5000, idleMs: 10_000, maxTcpQueries: -1 },
  reload: undefined,
  stacktrace: false,
  view: '',
  metadata: undefined,
  root: undefined,
  tls: undefined,
  httpsConnections: 200,
}
