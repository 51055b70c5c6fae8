import { lookup, Resolver } from 'node:dns/promises'
import { formatIp, parseIp } from '../base/ip.ts'
import type { Files } from '../core/env.ts'
import { parseName } from '../wire/name.ts'
import type { Endpoint } from './endpoint.ts'
import { parseResolvConf } from './resolv-conf.ts'

const DEFAULT_PORTS = { dns: 53, tls: 853 } as const

/** What a TO argument of `forward` says, before files are read and names are looked up. Pure. */
export type Target =
  | { readonly kind: 'address'; readonly endpoint: Endpoint }
  /** A resolv.conf-like file, or a host name where there is no such file. */
  | { readonly kind: 'file-or-name'; readonly text: string; readonly port: number | undefined; readonly transport: 'dns' | 'tls'; readonly host: string }

/** Throws Error with CoreDNS's wording for text that can be no upstream. */
export function parseTarget(text: string): Target {
  const scheme = /^(dns|tls|https|grpc|quic|https3):\/\//.exec(text)?.[1] ?? 'dns'
  const rest = text.includes('://') && text.startsWith(`${scheme}://`) ? text.slice(scheme.length + 3) : text
  if (scheme === 'https') {
    if (rest.includes('/')) throw new Error(`paths are not allowed in HTTPS upstream addresses (the /dns-query path is used by default): ${text}`)
    throw new Error(`https:// upstreams are not supported yet: ${text}; use tls:// if the server has it`)
  }
  if (scheme !== 'dns' && scheme !== 'tls') throw new Error(`'${scheme}' is not supported as a destination protocol in forward: ${text}`)
  const { host, port, serverName } = splitAddress(rest)
  const ip = parseIp(host)
  if (ip === undefined) return { kind: 'file-or-name', text, port, transport: scheme, host }
  return { kind: 'address', endpoint: endpointOf(formatIpText(ip, host), port, scheme, serverName) }
}

/** Reads the file or looks the name up. Rejects with what to correct. `resolvers` are asked instead of the system's. */
export async function resolveTarget(target: Target, resolvers: readonly string[], files: Files): Promise<Endpoint[]> {
  if (target.kind === 'address') return [target.endpoint]
  if (files.stat(target.text)?.directory === false) {
    const text = new TextDecoder().decode(files.read(target.text))
    return parseResolvConf(text).nameservers.map((address) => endpointOf(address, undefined, 'dns', undefined))
  }
  if (parseName(target.host) === undefined || target.host.startsWith('/')) throw new Error(`not an IP address, file, or valid domain: "${target.text}"`)
  const addresses = await lookUp(target.host, resolvers)
  return addresses.map((address) => endpointOf(address, target.port, target.transport, target.transport === 'tls' ? target.host : undefined))
}

async function lookUp(host: string, resolvers: readonly string[]): Promise<string[]> {
  try {
    if (resolvers.length === 0) return (await lookup(host, { all: true })).map((entry) => entry.address)
    const resolver = new Resolver({ timeout: 2000, tries: 2 })
    resolver.setServers(resolvers)
    const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    const addresses = found.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
    if (addresses.length === 0) throw (found[0] as PromiseRejectedResult).reason
    return addresses
  } catch (error) {
    throw new Error(`failed to resolve "${host}": ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function endpointOf(address: string, port: number | undefined, transport: 'dns' | 'tls', serverName: string | undefined): Endpoint {
  return { address, port: port ?? DEFAULT_PORTS[transport], transport, ...(serverName === undefined ? {} : { serverName }) }
}

/** `HOST[%servername][:port]`, an IPv6 address bare or in brackets. */
function splitAddress(text: string): { host: string; port: number | undefined; serverName: string | undefined } {
  const match = /^\[([^\]%]+)(?:%([^\]]+))?\](?:%([^:]+))?(?::(\d{1,5}))?$/.exec(text)
    ?? /^([0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*)(?:%([^:]+))?()()$/.exec(text)
    ?? /^([^%:]*)(?:%([^:]+))?()(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return { host: text, port: undefined, serverName: undefined }
  const name = (match[2] ?? '') || (match[3] ?? '')
  return { host: match[1]!, port: (match[4] ?? '') === '' ? undefined : Number(match[4]), serverName: name === '' ? undefined : name }
}

/** The canonical text of an address. */
function formatIpText(ip: Uint8Array, text: string): string {
  return ip.length === 16 && text.includes('.') ? text : formatIp(ip)
}
