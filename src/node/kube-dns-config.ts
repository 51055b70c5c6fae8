import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseIp } from '../base/ip.ts'

/** What the kube-dns ConfigMap says (specification node-cache 1.5). */
export interface KubeDnsConfig {
  readonly stubDomains: ReadonlyMap<string, readonly string[]>
  readonly upstreamNameservers: readonly string[]
}

export const NO_KUBE_DNS: KubeDnsConfig = { stubDomains: new Map(), upstreamNameservers: [] }
const MAX_UPSTREAMS = 3
const FILE_LIMIT_BYTES = 1024 * 1024

/** The files of a mounted ConfigMap: name to content. Folders and the kubelet's `..data` are passed over. Throws the system's error. */
export function readConfigMap(folder: string): Map<string, string> {
  const files = new Map<string, string>()
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name)
    const stat = name.startsWith('.') ? undefined : statSync(path, { throwIfNoEntry: false })
    if (stat?.isFile() !== true) continue
    if (stat.size > FILE_LIMIT_BYTES) throw new Error(`${path}: larger than a ConfigMap can be`)
    files.set(name, readFileSync(path, 'utf8'))
  }
  return files
}

/** Throws Error that names the key and the value that is wrong. Unknown keys are passed over. */
export function parseKubeDns(files: ReadonlyMap<string, string>): KubeDnsConfig {
  const stubs = json(files, 'stubDomains') ?? {}
  if (typeof stubs !== 'object' || Array.isArray(stubs)) throw new Error('stubDomains: an object of domains and lists of servers is wanted')
  const stubDomains = new Map(Object.entries(stubs).map(([domain, servers]) => [stubDomain(domain), stubServers(domain, servers)]))
  const upstreamNameservers = serverList(json(files, 'upstreamNameservers') ?? [], 'upstreamNameservers')
  if (upstreamNameservers.length > MAX_UPSTREAMS) throw new Error(`upstreamNameservers: ${upstreamNameservers.length} servers; at most ${MAX_UPSTREAMS} are allowed`)
  return { stubDomains, upstreamNameservers }
}

/** Undefined for a key that is not there or has nothing in it. */
function json(files: ReadonlyMap<string, string>, key: string): unknown {
  const text = files.get(key)
  if (text === undefined || text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${key}: not JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** A DNS-1123 subdomain that can be a zone. */
function stubDomain(text: string): string {
  if (text.length > 253 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text) || text.split('.').some((label) => label.length > 63)) {
    throw new Error(`stubDomains: "${text}" is no domain: lower-case labels of at most 63 letters, no dot at the end`)
  }
  return text
}

function stubServers(domain: string, value: unknown): string[] {
  const servers = serverList(value, `stubDomains: ${domain}`)
  if (servers.length === 0) throw new Error(`stubDomains: ${domain}: a list of at least one server is wanted`)
  return servers
}

function serverList(value: unknown, place: string): string[] {
  if (!Array.isArray(value)) throw new Error(`${place}: a list of servers is wanted`)
  return value.map((server: unknown) => {
    if (typeof server !== 'string' || !(isServer(server) || isTlsServer(server))) throw new Error(`${place}: ${JSON.stringify(server)} is no IP or IP:port`)
    return server
  })
}

/** `tls://IP[%NAME][:PORT]`, as `forward` takes it: NAME is what the certificate is verified against. */
function isTlsServer(text: string): boolean {
  return text.startsWith('tls://') && isServer(text.slice('tls://'.length).replace(/%[A-Za-z0-9.-]+/, ''))
}

/** An IP or IP:port, IPv6 with a port in brackets. */
export function isServer(text: string): boolean {
  if (parseIp(text) !== undefined) return true
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  return match !== null && parseIp(match[1] ?? match[2] ?? '') !== undefined && Number(match[3]) > 0 && Number(match[3]) < 65_536
}
