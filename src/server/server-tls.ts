import { appendFileSync, openSync } from 'node:fs'
import { createSecureContext, type TLSSocket } from 'node:tls'
import { ConfigError } from '../corefile/error.ts'
import type { Log } from '../base/log.ts'
import type { Files } from '../core/env.ts'
import type { TlsOptions } from '../core/settings.ts'

/** What TLS listeners of a group use, files already read. */
export interface ServerTls {
  readonly context: {
    readonly cert: Buffer
    readonly key: Buffer
    readonly ca?: Buffer
    readonly minVersion: 'TLSv1.2'
  }
  readonly clientAuth: TlsOptions['clientAuth']
  /** Takes the secrets of connections; undefined to keep them. */
  readonly keylog: ((line: Buffer) => void) | undefined
}

/** Throws ConfigError when a file cannot be read or holds something else. */
export function readServerTls(options: TlsOptions, files: Files, log: Log): ServerTls {
  const { token, cert, key, ca, clientAuth } = options
  const read = (path: string) => Buffer.from(files.read(files.resolve(path)))
  try {
    const context = { cert: read(cert), key: read(key), ...(ca === undefined ? {} : { ca: read(ca) }), minVersion: 'TLSv1.2' as const }
    createSecureContext(context)
    return { context, clientAuth, keylog: openKeylog(options, files, log) }
  } catch (error) {
    throw new ConfigError(token, 'tls', `could not load TLS cert: ${(error as Error).message}`)
  }
}

function openKeylog({ keylog }: TlsOptions, files: Files, log: Log): ServerTls['keylog'] {
  if (keylog === undefined) return undefined
  const path = files.resolve(keylog)
  const file = openSync(path, 'a', 0o600)
  log.warning(`plugin/tls: Writing TLS Key Log to "${path}"`)
  return (line) => appendFileSync(file, line)
}

/** How Node asks for clients' certificates; `acceptable` does what these two cannot say. */
export function certificateRequest({ clientAuth }: ServerTls): { requestCert: boolean; rejectUnauthorized: boolean } {
  return { requestCert: clientAuth !== 'nocert', rejectUnauthorized: clientAuth === 'require_and_verify' }
}

/** Whether a client whose handshake is over may go on. */
export function acceptable(socket: TLSSocket, { clientAuth }: ServerTls): boolean {
  if (clientAuth !== 'require' && clientAuth !== 'verify_if_given') return true
  const given = socket.getPeerX509Certificate() !== undefined
  return clientAuth === 'require' ? given : !given || socket.authorized
}
