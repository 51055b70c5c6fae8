import type { Plugin } from '../core/plugin.ts'
import { aclPlugin } from './acl/index.ts'
import { anyPlugin } from './any/index.ts'
import { autopathPlugin } from './autopath/index.ts'
import { bindPlugin } from './bind/index.ts'
import { bufsizePlugin } from './bufsize/index.ts'
import { cachePlugin } from './cache/index.ts'
import { cancelPlugin } from './cancel/index.ts'
import { chaosPlugin } from './chaos/index.ts'
import { debugPlugin } from './debug/index.ts'
import { dns64Plugin } from './dns64/index.ts'
import { errorsPlugin } from './errors/index.ts'
import { forwardPlugin } from './forward/index.ts'
import { headerPlugin } from './header/index.ts'
import { healthPlugin } from './health/index.ts'
import { hostsPlugin } from './hosts/index.ts'
import { httpsPlugin } from './https/index.ts'
import { k8sExternalPlugin } from './k8s_external/index.ts'
import { kubernetesPlugin } from './kubernetes/index.ts'
import { loadbalancePlugin } from './loadbalance/index.ts'
import { localPlugin } from './local/index.ts'
import { logPlugin } from './log/index.ts'
import { loopPlugin } from './loop/index.ts'
import { metadataPlugin } from './metadata/index.ts'
import { minimalPlugin } from './minimal/index.ts'
import { multisocketPlugin } from './multisocket/index.ts'
import { noAaaaPlugin } from './no_aaaa/index.ts'
import { nsidPlugin } from './nsid/index.ts'
import { pprofPlugin } from './pprof/index.ts'
import { prometheusPlugin } from './prometheus/index.ts'
import { purePlugin } from './pure/index.ts'
import { readyPlugin } from './ready/index.ts'
import { reloadPlugin } from './reload/index.ts'
import { rewritePlugin } from './rewrite/index.ts'
import { rootPlugin } from './root/index.ts'
import { templatePlugin } from './template/index.ts'
import { rrlPlugin } from './rrl/index.ts'
import { tlsPlugin } from './tls/index.ts'
import { timeoutsPlugin } from './timeouts/index.ts'
import { tracePlugin } from './trace/index.ts'
import { viewPlugin } from './view/index.ts'
import { whoamiPlugin } from './whoami/index.ts'

/** Every directive, in order of execution: the only registry. `DIRECTIVE_ORDER` of src/corefile says the same order by name. */
export const PLUGINS: readonly Plugin[] = [
  rootPlugin,
  metadataPlugin,
  cancelPlugin,
  httpsPlugin,
  timeoutsPlugin,
  multisocketPlugin,
  reloadPlugin,
  nsidPlugin,
  bufsizePlugin,
  bindPlugin,
  debugPlugin,
  tracePlugin,
  readyPlugin,
  healthPlugin,
  pprofPlugin,
  prometheusPlugin,
  errorsPlugin,
  logPlugin,
  rrlPlugin,
  localPlugin,
  dns64Plugin,
  anyPlugin,
  chaosPlugin,
  loadbalancePlugin,
  rewritePlugin,
  autopathPlugin,
  aclPlugin,
  noAaaaPlugin,
  cachePlugin,
  headerPlugin,
  tlsPlugin,
  minimalPlugin,
  templatePlugin,
  hostsPlugin,
  k8sExternalPlugin,
  kubernetesPlugin,
  loopPlugin,
  purePlugin,
  forwardPlugin,
  whoamiPlugin,
  viewPlugin,
]

export function pluginTable(plugins: readonly Plugin[]): ReadonlyMap<string, Plugin> {
  return new Map(plugins.map((plugin) => [plugin.name, plugin]))
}
