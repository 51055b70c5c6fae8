import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
  readonly spec?: { readonly replicas?: number; readonly selector: Selector; readonly template: { readonly metadata: { readonly labels: Readonly<Record<string, string>> }; readonly spec: PodSpec } }
}

interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>
}

interface PodSpec {
  readonly hostNetwork?: boolean
  readonly securityContext?: { readonly runAsNonRoot?: boolean; readonly runAsUser?: number; readonly sysctls?: readonly { readonly name: string; readonly value: string }[] }
  readonly containers: readonly { readonly args: readonly string[]; readonly ports?: unknown; readonly livenessProbe: { readonly exec?: { readonly command: readonly string[] } }; readonly resources: { readonly requests: Readonly<Record<string, string>>; readonly limits?: Readonly<Record<string, string>> }; readonly securityContext: { readonly readOnlyRootFilesystem: boolean; readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] } } }[]
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

test('the agent is alive while its pidfile is renewed, and not when it hangs or is gone', { skip }, () => {
  const pod = only(build('node/overlays/iptables'), 'DaemonSet', 'node-local-dns').spec!.template.spec
  const folder = mkdtempSync(join(tmpdir(), 'hearth-manifests-'))
  const pidfile = join(folder, 'hearth-node.pid')
  const [command, ...args] = pod.containers[0]!.livenessProbe.exec!.command.map((word) => word.replaceAll('/run/hearth', folder))
  const alive = () => spawnSync(command!, args).status === 0
  assert.equal(alive(), false)
  writeFileSync(pidfile, '1\n')
  assert.equal(alive(), true)
  const minuteAgo = new Date(Date.now() - 60_000)
  utimesSync(pidfile, minuteAgo, minuteAgo)
  assert.equal(alive(), false)
  rmSync(folder, { recursive: true })
})

test('the image of the resolver compiles as the user that it runs as', { skip }, () => {
  const dockerfile = readFileSync(new URL('../../Dockerfile.cluster', import.meta.url), 'utf8')
  assert.match(dockerfile, /USER 65532:65532\nRUN node \S+\.mjs --version\n/)
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
