import { existsSync, readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import type { SourceChoice } from './source.ts'

/** Where the kubelet mounts the token of a Pod's service account. */
const TOKEN_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/token'

/** How to reach an API server: where it is, and what to put into a request so that it knows us. */
export interface Connection {
  readonly server: string
  /** Options with TLS files and authorization; asked for each request, since tokens change. Rejects when credentials cannot be had. */
  authorize(): Promise<RequestOptions>
}

/** Rejects with what is missing. `@kubernetes/client-node` is loaded only here: nobody pays for it who reads manifests. */
export async function connectionOf(choice: Exclude<SourceChoice, { kind: 'objects' }>): Promise<Connection> {
  if (choice.kind === 'endpoint') return endpoint(choice.url, choice.tls)
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  if (choice.kind === 'in-cluster') {
    if (process.env.KUBERNETES_SERVICE_HOST === undefined) {
      throw new Error('not in a cluster: the environment variable KUBERNETES_SERVICE_HOST is not set. Run in a pod, or give kubeconfig FILE, endpoint URL, or objects PATH')
    }
    if (!existsSync(TOKEN_FILE)) {
      throw new Error(`no credentials: ${TOKEN_FILE} is not there; the Pod needs a service account whose token is mounted (automountServiceAccountToken)`)
    }
    config.loadFromCluster()
  } else {
    config.loadFromFile(choice.file)
    const tokenFiles = tokenFilesOf(choice.file)
    config.users = config.users.map((user) => (tokenFiles.has(user.name) ? { ...user, authProvider: { name: 'tokenFile', config: { tokenFile: tokenFiles.get(user.name) } } } : user))
    if (choice.context !== undefined) config.setCurrentContext(choice.context)
    // A server without TLS has nothing to verify, which the package wants to be told; `kubectl proxy` is one.
    config.clusters = config.clusters.map((cluster) => (cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster))
  }
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error(`kubeconfig: no cluster for the context ${config.getCurrentContext() || '(none)'}`)
  return {
    server: cluster.server,
    authorize: async () => {
      const options: RequestOptions = {}
      await config.applyToHTTPSOptions(options)
      return trimmed(options)
    },
  }
}

interface UserEntry {
  readonly name?: string
  readonly user?: { readonly tokenFile?: unknown }
}

/** By user. The package knows token files of service accounts only, which it reads again each minute; so it does these then. */
function tokenFilesOf(file: string): ReadonlyMap<string, string> {
  const { users } = (parse(readFileSync(file, 'utf8')) ?? {}) as { users?: readonly UserEntry[] }
  return new Map((Array.isArray(users) ? users as readonly UserEntry[] : []).flatMap(({ name, user }) => (typeof user?.tokenFile === 'string' ? [[String(name), resolve(dirname(file), user.tokenFile)] as const] : [])))
}

/** A token file that an editor or `echo` wrote ends with a line break, which no header may hold. */
function trimmed(options: RequestOptions): RequestOptions {
  const headers = options.headers as Record<string, unknown> | undefined
  if (typeof headers?.Authorization === 'string') headers.Authorization = headers.Authorization.trim()
  return options
}

function endpoint(url: string, tls: { readonly cert: string; readonly key: string; readonly ca: string } | undefined): Connection {
  const options: RequestOptions = tls === undefined ? {} : { cert: readFileSync(tls.cert), key: readFileSync(tls.key), ca: readFileSync(tls.ca) }
  return { server: url.includes('://') ? url : `http://${url}`, authorize: () => Promise.resolve(options) }
}
