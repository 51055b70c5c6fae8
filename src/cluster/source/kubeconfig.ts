import { readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import type { SourceChoice } from './source.ts'

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
    config.loadFromCluster()
  } else {
    config.loadFromFile(choice.file)
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
      return options
    },
  }
}

function endpoint(url: string, tls: { readonly cert: string; readonly key: string; readonly ca: string } | undefined): Connection {
  const options: RequestOptions = tls === undefined ? {} : { cert: readFileSync(tls.cert), key: readFileSync(tls.key), ca: readFileSync(tls.ca) }
  return { server: url.includes('://') ? url : `http://${url}`, authorize: () => Promise.resolve(options) }
}
