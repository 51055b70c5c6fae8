import { readFileSync } from 'node:fs'

/** Client side TLS, files already read. */
export interface TlsSettings {
  readonly cert?: Buffer
  readonly key?: Buffer
  readonly ca?: Buffer
  readonly serverName?: string
  /** False for opportunistic privacy (RFC 8310 5): any certificate will do. */
  readonly verify: boolean
}

/** `tls [CERT KEY] [CA]`: none, one (CA), two (certificate and key) or three files. Throws the system's error with its path. */
export function readTlsFiles(paths: readonly string[], serverName: string | undefined, verify: boolean): TlsSettings {
  const files = paths.map((path) => readFileSync(path))
  const [cert, key] = files.length >= 2 ? files : []
  const ca = files.length === 1 ? files[0] : files[2]
  return {
    verify,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { serverName }),
  }
}
