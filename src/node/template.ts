import { NO_KUBE_DNS, type KubeDnsConfig } from './kube-dns-config.ts'

/** What stands for the template's variables (specification node-cache 1.4). */
export interface TemplateValues {
  readonly localIps: readonly string[]
  /** Address of the cluster's resolver, or why it is not known. */
  readonly clusterDns: string | Error
  readonly prometheusAddress: string
  readonly port: number
}

/** Makes the Corefile out of the template and the kube-dns configuration. Throws Error when a variable has no value. */
export function expandTemplate(template: string, values: TemplateValues, kubeDns: KubeDnsConfig): string {
  const upstreams = kubeDns.upstreamNameservers.length > 0 ? kubeDns.upstreamNameservers.join(' ') : '/etc/resolv.conf'
  const variables: Readonly<Record<string, string | Error>> = {
    __PILLAR__LOCAL__DNS__: values.localIps.join(' '),
    // Its address is among the local ones; installers of node-cache replace it themselves.
    __PILLAR__DNS__SERVER__: '',
    __PILLAR__CLUSTER__DNS__: values.clusterDns,
    __PILLAR__UPSTREAM__SERVERS__: upstreams,
    __PROMETHEUS__ENDPOINT__: values.prometheusAddress,
  }
  const text = (kubeDns.upstreamNameservers.length > 0 ? withoutForcedTcp(template) : template).replace(/__(PILLAR__LOCAL__DNS|PILLAR__DNS__SERVER|PILLAR__CLUSTER__DNS|PILLAR__UPSTREAM__SERVERS|PROMETHEUS__ENDPOINT)__/g, (name) => {
    const value = variables[name]!
    if (value instanceof Error) throw value
    return value
  })
  return text + stubBlocks(kubeDns, values)
}

/** A template with the values that the shipped manifests end up with, line by line: what `check` looks at in place of a node's own. */
export function expandSample(template: string): string {
  const values = { localIps: ['169.254.20.10'], clusterDns: '10.96.0.11', prometheusAddress: ':9253', port: 53 }
  return expandTemplate(template, values, NO_KUBE_DNS)
}

/** Custom upstreams are asked over UDP: many do not take TCP (kubernetes/kubernetes 93471). */
function withoutForcedTcp(template: string): string {
  return template.replace(/(forward\s+\.\s+__PILLAR__UPSTREAM__SERVERS__)\s*\{\s*force_tcp\s*\}/g, '$1')
}

/** A block for each stub domain, sorted, so that equal configurations are equal text. */
function stubBlocks(kubeDns: KubeDnsConfig, values: TemplateValues): string {
  return [...kubeDns.stubDomains].sort(([a], [b]) => (a < b ? -1 : 1)).map(([domain, servers]) => `
${domain}:${values.port} {
    errors
    cache 30
    bind ${values.localIps.join(' ')}
    forward . ${servers.join(' ')}
}
`).join('')
}
