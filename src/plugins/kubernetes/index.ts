import type { Plugin } from '../../core/plugin.ts'
import { Kubernetes } from './kubernetes.ts'
import { parseKubernetes } from './options.ts'

export const kubernetesPlugin: Plugin = {
  name: 'kubernetes',
  parse(directive, context) {
    const options = parseKubernetes(directive, context.zones)
    return { build: (env) => new Kubernetes(env, options) }
  },
}
