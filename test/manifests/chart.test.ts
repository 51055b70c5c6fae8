import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments } from 'yaml'
import { lacks } from '../support/needs.ts'

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly data?: { readonly Corefile?: string }
}

const MANIFESTS = fileURLToPath(new URL('../../manifests', import.meta.url))
const CHART = `${MANIFESTS}/chart`

const skip = lacks({ commands: ['helm', 'kubectl'] })

function template(...set: readonly string[]): string[] {
  return ['template', 'hearth', CHART, '--namespace', 'kube-system', '--kube-version', '1.34.0', ...set.flatMap((value) => ['--set', value])]
}

function chart(...set: readonly string[]): Map<string, Manifest> {
  return byName(execFileSync('helm', template(...set)).toString())
}

function kustomize(folder: string): Map<string, Manifest> {
  return byName(execFileSync('kubectl', ['kustomize', `${MANIFESTS}/${folder}`]).toString())
}

/** As a kustomization of a user's own, which names folders by relative paths. */
function kustomizeWith(folders: readonly string[], components: readonly string[]): Map<string, Manifest> {
  const own = mkdtempSync(join(tmpdir(), 'hearth-kustomize-'))
  const paths = (names: readonly string[]) => names.map((name) => relative(realpathSync(own), join(MANIFESTS, name)))
  writeFileSync(join(own, 'kustomization.yaml'), JSON.stringify({ resources: paths(folders), components: paths(components) }))
  try {
    return byName(execFileSync('kubectl', ['kustomize', own]).toString())
  } finally {
    rmSync(own, { recursive: true })
  }
}

/** Without the line break at the end of a Corefile, which patches of older kustomize lose. */
function byName(text: string): Map<string, Manifest> {
  const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest | null).filter((manifest) => manifest !== null)
  return new Map(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest.data === undefined ? manifest : { ...manifest, data: { ...manifest.data, Corefile: manifest.data.Corefile?.trimEnd() ?? '' } }]))
}

/** What the chart makes beyond the program itself. */
const CLEANUP = 'DaemonSet node-local-dns-cleanup'

const SAME: readonly { readonly set: readonly string[]; readonly folders: readonly string[]; readonly components?: readonly string[] }[] = [
  { set: ['node.enabled=false'], folders: ['cluster/base'] },
  { set: ['node.enabled=false', 'cluster.scaling=proportional'], folders: ['cluster/autoscaler'] },
  { set: ['node.enabled=false', 'cluster.multicluster=clusterset.local'], folders: ['cluster/multicluster'] },
  { set: ['cluster.enabled=false'], folders: ['node/overlays/iptables', 'node/cleanup'] },
  { set: ['cluster.enabled=false', 'node.mode=ipvs'], folders: ['node/overlays/ipvs', 'node/cleanup'] },
  { set: ['cluster.enabled=false', 'node.mode=cilium'], folders: ['node/overlays/cilium'] },
  { set: ['cluster.enabled=false', 'node.autopathPods=true'], folders: ['node/overlays/autopath-pods', 'node/cleanup'] },
  { set: [], folders: ['cluster/base', 'node/overlays/iptables', 'node/cleanup'] },
  { set: ['networkPolicy.enabled=true'], folders: ['cluster/base', 'node/overlays/iptables', 'node/cleanup', 'network-policies'] },
  { set: ['monitoring.podMonitor=true', 'monitoring.prometheusRule=true'], folders: ['cluster/base', 'node/overlays/iptables', 'node/cleanup', 'observability/monitors'] },
  { set: ['seccomp.localhostProfile=profiles/hearth.json'], folders: ['cluster/base', 'node/overlays/iptables', 'node/cleanup'], components: ['seccomp/localhost'] },
  { set: ['verticalPodAutoscaler.enabled=true'], folders: ['cluster/base', 'node/overlays/iptables', 'node/cleanup', 'sizing'] },
]

describe('the Helm chart', () => {
  for (const { set, folders, components } of SAME) {
    test(`${set.join(', ') || 'with its defaults'} makes what ${folders.join(' and ')} make`, { skip }, () => {
      const made = chart(...set)
      const wanted = components === undefined ? new Map(folders.flatMap((folder) => [...kustomize(folder)])) : kustomizeWith(folders, components)
      assert.deepEqual([...made.keys()].sort(), [...wanted.keys()].sort())
      for (const [name, manifest] of wanted) assert.deepEqual(made.get(name), manifest, name)
    })
  }

  test('cluster domain and address reach every place that names them', { skip }, () => {
    const text = execFileSync('helm', template('clusterDomain=corp.test', 'clusterDns=10.3.0.10', 'node.localAddress=169.254.25.10')).toString()
    for (const left of ['cluster.local', '10.96.0.10', '169.254.20.10']) assert.equal(text.includes(left), false, left)
    assert.match(text, /kubernetes corp\.test in-addr\.arpa/)
  })

  test('verified pods may be watched, others not', { skip }, () => {
    const resources = (set: string) => (chart(set).get('ClusterRole hearth-cluster') as Manifest & { rules: { resources: string[] }[] }).rules.flatMap((rule) => rule.resources)
    assert.ok(resources('cluster.pods=verified').includes('pods'))
    assert.equal(resources('cluster.pods=insecure').includes('pods'), false)
  })

  test('a Service that the cluster has already is left alone, and ours outlives the release', { skip }, () => {
    assert.equal(chart('cluster.service=false').has('Service kube-dns'), false)
    const service = chart().get('Service kube-dns') as Manifest & { metadata: { annotations: Readonly<Record<string, string>> } }
    assert.equal(service.metadata.annotations['helm.sh/resource-policy'], 'keep')
  })

  test('a Corefile of one\'s own takes the place of the chart\'s', { skip }, () => {
    assert.equal(chart('cluster.corefile=.:53 {\n    whoami\n}').get('ConfigMap hearth-cluster')?.data?.Corefile, '.:53 {\n    whoami\n}')
  })

  for (const [set, reason] of [['node.mode=ebpf', /node\/mode|node\.mode/], ['cluster.replicas.min=0', /min/], ['clusterDNS=10.3.0.10', /clusterDNS/]] as const) {
    test(`${set} is refused by the schema of the values`, { skip }, () => {
      const { status, stderr } = spawnSync('helm', template(set), { encoding: 'utf8' })
      assert.notEqual(status, 0)
      assert.match(stderr, reason)
    })
  }

  test('it has the version of the program', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    const { version: chartVersion, appVersion } = parse(readFileSync(`${CHART}/Chart.yaml`, 'utf8')) as { version: string; appVersion: string }
    assert.deepEqual([chartVersion, appVersion], [version, version])
  })

  test('the hook that cleans nodes up runs after the chart was deleted', { skip }, () => {
    const cleanup = chart().get(CLEANUP) as Manifest & { metadata: { annotations: Readonly<Record<string, string>> } }
    assert.equal(cleanup.metadata.annotations['helm.sh/hook'], 'post-delete')
  })
})
