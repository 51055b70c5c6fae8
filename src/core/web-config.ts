import { parse } from 'yaml'
import type { Files, HttpTls } from './env.ts'

const TLS_FIELDS = new Set(['cert_file', 'key_file', 'client_ca_file', 'client_auth_type'])
/** What Go's types of client authentication come to; those that ask for a certificate without looking at it are refused. */
const CLIENT_AUTH: Readonly<Record<string, HttpTls['clientCertificate']>> = { RequireAndVerifyClientCert: 'required', VerifyClientCertIfGiven: 'optional' }

/**
 * The web configuration of Prometheus's exporters (exporter-toolkit), as CoreDNS takes it, as far as it is about TLS. Paths in it are
 * relative to its folder. `refuse` throws what is wrong with it.
 */
export function readWebConfig(path: string, read: Files['read'], refuse: (why: string) => never): HttpTls {
  const fail = (why: string): never => refuse(`${path}: ${why}`)
  const whole = readYaml(path, read, fail)
  const unknown = Object.keys(whole).find((key) => key !== 'tls_server_config')
  if (unknown !== undefined) fail(`${unknown} is not supported; use tls_server_config here, and bearer FILE for a password`)
  const tls = fieldsOf(whole['tls_server_config']) ?? fail('no tls_server_config in it')
  for (const [key, value] of Object.entries(tls)) {
    if (!TLS_FIELDS.has(key)) fail(`${key} is not supported; known here: ${[...TLS_FIELDS].join(', ')}`)
    if (typeof value !== 'string') fail(`${key} is no text`)
  }
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const file = (key: string): string | undefined => {
    const value = tls[key] as string | undefined
    return value === undefined || value === '' ? undefined : value.startsWith('/') ? value : `${folder}${value}`
  }
  const kind = (tls['client_auth_type'] as string | undefined) ?? ''
  const clientCaFile = file('client_ca_file')
  if (kind !== '' && kind !== 'NoClientCert' && CLIENT_AUTH[kind] === undefined) fail(`client_auth_type ${kind} is not supported; RequireAndVerifyClientCert and VerifyClientCertIfGiven are`)
  if (CLIENT_AUTH[kind] !== undefined && clientCaFile === undefined) fail(`client_auth_type ${kind} needs client_ca_file`)
  return {
    certFile: file('cert_file') ?? fail('cert_file is missing'),
    keyFile: file('key_file') ?? fail('key_file is missing'),
    clientCaFile: CLIENT_AUTH[kind] === undefined ? undefined : clientCaFile,
    clientCertificate: CLIENT_AUTH[kind] ?? 'optional',
  }
}

function readYaml(path: string, read: Files['read'], fail: (why: string) => never): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = parse(new TextDecoder().decode(read(path)))
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
  return fieldsOf(value) ?? fail('no fields in it')
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined
}
