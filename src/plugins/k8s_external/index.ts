import type { Plugin } from '../../core/plugin.ts'
import { KubernetesExternal } from './external.ts'
import { K8S_EXTERNAL_TABLE, parseK8sExternal } from './options.ts'

export const k8sExternalPlugin: Plugin = {
  name: 'k8s_external',
  options: K8S_EXTERNAL_TABLE,
  parse(directive, context) {
    const options = parseK8sExternal(directive, context.zones)
    return { build: (env) => new KubernetesExternal(env, options) }
  },
}
