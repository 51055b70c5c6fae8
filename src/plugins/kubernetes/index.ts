import { labelsNamed } from '../../core/metadata.ts'
import type { Plugin } from '../../core/plugin.ts'
import { Kubernetes } from './kubernetes.ts'
import { CLIENT_LABEL } from './metadata.ts'
import { KUBERNETES_TABLE, parseKubernetes } from './options.ts'

export const kubernetesPlugin: Plugin = {
  name: 'kubernetes',
  options: KUBERNETES_TABLE,
  parse(directive, context) {
    const options = parseKubernetes(directive, context.zones, labelsNamed(context.directives, CLIENT_LABEL))
    return { build: (env) => new Kubernetes(env, options) }
  },
}
