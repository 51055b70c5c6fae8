import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments } from 'yaml'
import { parseCorefile } from '../../src/corefile/parser.ts'
import { PLUGINS } from '../../src/plugins/index.ts'
import { lacks } from '../support/needs.ts'

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly data?: Readonly<Record<string, string>>
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[]
  readonly spec?: { readonly template: { readonly spec: PodSpec } }
}

interface PodSpec {
  readonly hostNetwork?: boolean
  readonly securityContext?: { readonly runAsNonRoot?: boolean; readonly sysctls?: readonly { readonly name: string; readonly value: string }[] }
  readonly containers: readonly { readonly args: readonly string[]; readonly ports?: unknown; readonly resources: { readonly limits?: Readonly<Record<string, string>> }; readonly securityContext: { readonly readOnlyRootFilesystem: boolean; readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] } } }[]
}

const skip = lacks({ commands: ['kubectl'] })

function build(folder: string): Manifest[] {
  const path = fileURLToPath(new URL(`../../manifests/${folder}`, import.meta.url))
  return parseAllDocuments(execFileSync('kubectl', ['kustomize', path]).toString()).map((document) => document.toJS() as Manifest)
}

function only(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind && manifest.metadata.name === name)
  assert.equal(found.length, 1, `${kind} ${name}`)
  return found[0]!
}

for (const folder of ['node/overlays/iptables', 'node/overlays/ipvs', 'cluster/base', 'cluster/autoscaler']) {
  test(`manifests/${folder} builds, and its Corefiles parse`, { skip }, () => {
    const manifests = build(folder)
    for (const manifest of manifests.filter((each) => each.kind === 'ConfigMap')) {
      const text = manifest.data!.Corefile!.replaceAll('__PILLAR__LOCAL__DNS__', '169.254.20.10').replaceAll('__PILLAR__DNS__SERVER__', '').replaceAll(/__PILLAR__\w+__/g, '10.96.0.11')
      parseCorefile(text, {
        file: 'Corefile', defaultPort: 53, env: () => undefined, directives: PLUGINS.map((plugin) => plugin.name),
        files: { read: () => '', glob: () => [], isDirectory: () => false, resolve: (_base, path) => path },
      }).blocks()
    }
  })
}

test('the DaemonSet keeps the capabilities it needs and declares no ports', { skip }, () => {
  const pod = only(build('node/overlays/iptables'), 'DaemonSet', 'node-local-dns').spec!.template.spec
  assert.equal(pod.hostNetwork, true)
  assert.equal(pod.containers[0]!.ports, undefined, 'a declared port would be a host port')
  assert.deepEqual(pod.containers[0]!.securityContext.capabilities, { drop: ['ALL'], add: ['NET_ADMIN', 'NET_BIND_SERVICE'] })
  assert.equal(pod.containers[0]!.securityContext.readOnlyRootFilesystem, true)
})

test('in IPVS mode the agent serves the link-local address alone, and the kubelet gives it to pods', { skip }, () => {
  const pod = only(build('node/overlays/ipvs'), 'DaemonSet', 'node-local-dns').spec!.template.spec
  assert.equal(pod.containers[0]!.args[1], '169.254.20.10')
  const kubelet = parse(readFileSync(new URL('../../manifests/node/overlays/ipvs/kubelet-configuration.yaml', import.meta.url), 'utf8')) as { clusterDNS: string[] }
  assert.deepEqual(kubelet.clusterDNS, ['169.254.20.10'])
})

test('the Deployment runs without root, has no CPU limit and may read just what it watches', { skip }, () => {
  const manifests = build('cluster/base')
  const pod = only(manifests, 'Deployment', 'hearth-cluster').spec!.template.spec
  assert.equal(pod.securityContext!.runAsNonRoot, true)
  assert.deepEqual(pod.securityContext!.sysctls, [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }])
  assert.equal(pod.containers[0]!.resources.limits!.cpu, undefined)
  const rules = only(manifests, 'ClusterRole', 'hearth-cluster').rules!
  assert.deepEqual(rules.flatMap((rule) => rule.resources).sort(), ['endpointslices', 'namespaces', 'services'])
  assert.ok(rules.every((rule) => rule.verbs.join() === 'list,watch'))
  only(manifests, 'PodDisruptionBudget', 'hearth-cluster')
  only(manifests, 'HorizontalPodAutoscaler', 'hearth-cluster')
  assert.equal(build('cluster/autoscaler').filter((manifest) => manifest.kind === 'HorizontalPodAutoscaler').length, 0)
})
