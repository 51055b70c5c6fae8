import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, uptime } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments } from 'yaml'
import { parseCorefile } from '../../src/corefile/parser.ts'
import { ProbeFiles } from '../../src/node/probe-files.ts'
import { PLUGINS } from '../../src/plugins/index.ts'
import { lacks } from '../support/needs.ts'

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly data?: Readonly<Record<string, string>>
  readonly automountServiceAccountToken?: boolean
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[]
  readonly spec?: { readonly replicas?: number; readonly updateStrategy?: unknown; readonly selector: Selector; readonly template: { readonly metadata: { readonly labels: Readonly<Record<string, string>> }; readonly spec: PodSpec } }
}

interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>
}

interface Probe {
  readonly exec?: { readonly command: readonly string[] }
}

interface PodSpec {
  readonly initContainers?: readonly { readonly args: readonly string[] }[]
  readonly hostNetwork?: boolean
  readonly securityContext?: { readonly runAsNonRoot?: boolean; readonly runAsUser?: number; readonly sysctls?: readonly { readonly name: string; readonly value: string }[] }
  readonly containers: readonly { readonly args: readonly string[]; readonly env?: unknown; readonly ports?: unknown; readonly startupProbe?: Probe; readonly readinessProbe?: Probe; readonly livenessProbe?: Probe; readonly resources: { readonly requests: Readonly<Record<string, string>>; readonly limits?: Readonly<Record<string, string>> }; readonly securityContext: { readonly readOnlyRootFilesystem: boolean; readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] } } }[]
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

for (const folder of ['node/overlays/iptables', 'node/overlays/ipvs', 'node/overlays/cilium', 'node/overlays/autopath-pods', 'cluster/base', 'cluster/autoscaler', 'cluster/multicluster']) {
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

test('an upgrade starts the new agent beside the old one', { skip }, () => {
  assert.deepEqual(only(build('node/overlays/iptables'), 'DaemonSet', 'node-local-dns').spec!.updateStrategy, { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } })
})

test('probes of the agent fail for what is missing or old, and hold for what is new', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-probes-'))
  const files = new ProbeFiles(folder)
  const [container] = only(build('node/overlays/iptables'), 'DaemonSet', 'node-local-dns').spec!.template.spec.containers
  const holds = (name: 'startupProbe' | 'readinessProbe' | 'livenessProbe') => {
    const [command, ...args] = container![name]!.exec!.command.map((word) => word.replaceAll('/run/hearth/probes', folder))
    return spawnSync(command!, args).status === 0
  }
  const all = () => [holds('startupProbe'), holds('readinessProbe'), holds('livenessProbe')]
  assert.ok(container!.args.join(' ').endsWith('-probe-files /run/hearth/probes'))
  assert.deepEqual(all(), [false, false, false])
  files.show({ alive: true, ready: true })
  assert.deepEqual(all(), [true, true, true])
  files.show({ alive: false, ready: false })
  assert.deepEqual(all(), [false, false, true], 'a moment without an answer is forgiven')
  writeFileSync(join(folder, 'alive'), `${Math.floor(uptime()) - 31}\n`)
  assert.equal(holds('livenessProbe'), false)
  rmSync(folder, { recursive: true })
})

test('with Cilium the agent is an ordinary pod without rights, and Cilium redirects to it', { skip }, () => {
  const manifests = build('node/overlays/cilium')
  const pod = only(manifests, 'DaemonSet', 'node-local-dns').spec!.template.spec
  assert.equal(pod.hostNetwork, undefined)
  assert.deepEqual(pod.containers[0]!.securityContext.capabilities, { drop: ['ALL'], add: ['NET_BIND_SERVICE'] })
  only(manifests, 'CiliumLocalRedirectPolicy', 'node-local-dns')
})

test('for autopath @pods the agent knows its node and may watch Pods; its Corefile is the base\'s with one line more', { skip }, () => {
  const manifests = build('node/overlays/autopath-pods')
  assert.deepEqual(only(manifests, 'ClusterRole', 'node-local-dns').rules, [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }])
  assert.equal(only(manifests, 'ServiceAccount', 'node-local-dns').automountServiceAccountToken, true)
  assert.equal(only(build('node/overlays/iptables'), 'ServiceAccount', 'node-local-dns').automountServiceAccountToken, false)
  assert.deepEqual(only(manifests, 'DaemonSet', 'node-local-dns').spec!.template.spec.containers[0]!.env, [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }])
  const corefile = (all: readonly Manifest[]) => only(all, 'ConfigMap', 'node-local-dns').data!.Corefile!
  const lines = corefile(manifests).split('\n')
  assert.equal(lines.splice(lines.indexOf('    autopath @pods'), 1)[0], '    autopath @pods')
  assert.equal(lines.join('\n').trimEnd(), corefile(build('node/overlays/iptables')).trimEnd())
})

test('the cleanup runs on every node', { skip }, () => {
  const pod = only(build('node/cleanup'), 'DaemonSet', 'node-local-dns-cleanup').spec!.template.spec
  assert.equal(pod.hostNetwork, true)
  assert.deepEqual(pod.initContainers![0]!.args, ['cleanup', '--node-cache'])
})

test('the image of the resolver compiles as the user that it runs as', { skip }, () => {
  const dockerfile = readFileSync(new URL('../../Dockerfile.cluster', import.meta.url), 'utf8')
  assert.match(dockerfile, /USER 65532:65532\nRUN (?:.*\\\n)*.*hearth-cluster\.mjs/)
  assert.equal(only(build('cluster/base'), 'Deployment', 'hearth-cluster').spec!.template.spec.securityContext!.runAsUser, 65532)
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
  assert.match(pod.containers[0]!.resources.requests.cpu!, /^(1|\d{1,3}m)$/, 'one core at most')
  const { selector, replicas, template } = only(manifests, 'Deployment', 'hearth-cluster').spec!
  assert.equal(replicas, undefined, 'the autoscaler decides')
  assert.equal(template.metadata.labels['k8s-app'], 'kube-dns', 'what the Service selects')
  assert.equal(selector.matchLabels['k8s-app'], undefined, 'CoreDNS has it too')
  const rules = only(manifests, 'ClusterRole', 'hearth-cluster').rules!
  assert.deepEqual(rules.flatMap((rule) => rule.resources).sort(), ['endpointslices', 'namespaces', 'services'])
  assert.ok(rules.every((rule) => rule.verbs.join() === 'list,watch'))
  only(manifests, 'PodDisruptionBudget', 'hearth-cluster')
  only(manifests, 'HorizontalPodAutoscaler', 'hearth-cluster')
  assert.equal(build('cluster/autoscaler').filter((manifest) => manifest.kind === 'HorizontalPodAutoscaler').length, 0)
})
