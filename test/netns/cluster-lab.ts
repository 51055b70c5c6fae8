import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Host } from '../../hack/lab/host.ts'
import { Resident } from '../../hack/lab/resident.ts'
import { likeKubeProxy, type Flavour } from './kube-proxy.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export const ADDRESSES = {
  pod: '10.244.1.5', pod6: 'fd00:10:244:1::5', node: '10.244.1.1', cluster: '10.244.2.10', cluster6: 'fd00:10:244:2::10', outside: '10.244.2.20',
  linkLocal: '169.254.20.10', linkLocal6: 'fd00:169:254::a', vip: '10.96.0.10', vip6: 'fd00:10:96::a', upstreamVip: '10.96.0.11',
} as const

const BIG = 120

/** Three hosts in network namespaces with both programs on the demo's manifests, and a headless Service with many endpoints. */
export class ClusterLab {
  readonly pod: Host
  readonly node: Host
  readonly cluster: Host
  readonly #folder = mkdtempSync(join(tmpdir(), 'hearth-lab-'))
  readonly #residents: Resident[] = []
  #agents = 0

  private constructor(pod: Host, node: Host, cluster: Host) {
    this.pod = pod
    this.node = node
    this.cluster = cluster
  }

  /** `flavour`: how the rules like kube-proxy's are made. */
  static async open(flavour: Flavour = 'nftables'): Promise<ClusterLab> {
    const lab = new ClusterLab(await Host.open('pod'), await Host.open('node'), await Host.open('cluster'))
    try {
      await lab.#wire(flavour)
      await lab.#startCluster()
    } catch (error) {
      await lab.close()
      throw error
    }
    return lab
  }

  get folder(): string {
    return this.#folder
  }

  /** hearth-node on the node, ready with its rules. */
  async startAgent(extra: readonly string[] = [], ready = /rules in force/, environment: Readonly<Record<string, string>> = {}): Promise<Resident> {
    const id = ++this.#agents
    const child = this.node.spawn(process.execPath, [
      here('../../cmd/hearth-node/main.ts'), '-localip', [ADDRESSES.linkLocal, ADDRESSES.vip, ADDRESSES.linkLocal6, ADDRESSES.vip6].join(','), '-basecorefile', here('../../hack/demo/node.Corefile.base'),
      '-conf', join(this.#folder, `Corefile.${id}`), '-upstreamsvc', 'kube-dns-upstream', ...extra,
    ], { ...this.#environment(), KUBE_DNS_UPSTREAM_SERVICE_HOST: ADDRESSES.upstreamVip, ...environment })
    const agent = await Resident.start('hearth-node', child, ready)
    this.#residents.push(agent)
    return agent
  }

  /** Runs a client on the pod with a resolv.conf like a pod's; gives what it printed. Fails when a name is not found. */
  async getent(name: string, times = 1): Promise<string> {
    const resolvConf = join(this.#folder, 'resolv.conf')
    writeFileSync(resolvConf, `search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${ADDRESSES.vip}\noptions ndots:5\n`)
    return this.pod.exec('unshare', ['--mount', 'sh', '-c', `mount --bind ${resolvConf} /etc/resolv.conf && for i in $(seq ${times}); do getent ahostsv4 ${name} || exit 1; done`])
  }

  /** The rules like kube-proxy's, as it would put them back after somebody flushed them. */
  translate(flavour: Flavour): Promise<void> {
    return likeKubeProxy(this.node, flavour, [
      { vip: ADDRESSES.vip, endpoint: ADDRESSES.cluster }, { vip: ADDRESSES.upstreamVip, endpoint: ADDRESSES.cluster }, { vip: ADDRESSES.vip6, endpoint: ADDRESSES.cluster6 },
    ])
  }

  /** A template whose agent does not get beyond its start: it waits for an API server where none is. */
  corefileThatWaits(): string {
    const file = join(this.#folder, 'Corefile.waits')
    writeFileSync(file, `.:53 {\n    bind __PILLAR__LOCAL__DNS__\n    kubernetes cluster.local {\n        endpoint http://${ADDRESSES.pod}:1\n    }\n}\n`)
    return file
  }

  /** A Corefile that answers everything by itself. */
  corefileOf(address: string): string {
    const file = join(this.#folder, `Corefile.of-${address}`)
    writeFileSync(file, `.:53 {\n    bind ${address}\n    template IN A {\n        answer "{{ .Name }} 60 IN A 192.0.2.7"\n    }\n}\n`)
    return file
  }

  async close(): Promise<void> {
    for (const resident of this.#residents.toReversed()) await resident.stop()
    for (const host of [this.pod, this.node, this.cluster]) await host.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #wire(flavour: Flavour): Promise<void> {
    await this.node.configure([
      { do: 'up', link: 'lo' },
      { do: 'veth', link: 'to-pod', peer: 'eth0', pid: this.pod.pid },
      { do: 'veth', link: 'to-cluster', peer: 'eth0', pid: this.cluster.pid },
      { do: 'address', link: 'to-pod', address: '10.244.1.1/24' },
      { do: 'address', link: 'to-pod', address: 'fd00:10:244:1::1/64' },
      { do: 'address', link: 'to-cluster', address: '10.244.2.1/24' },
      { do: 'address', link: 'to-cluster', address: 'fd00:10:244:2::1/64' },
      { do: 'up', link: 'to-pod' },
      { do: 'up', link: 'to-cluster' },
      { do: 'route', via: ADDRESSES.cluster },
      { do: 'route', via: ADDRESSES.cluster6 },
      { do: 'forward' },
    ])
    await this.translate(flavour)
    await this.pod.configure([
      { do: 'up', link: 'lo' }, { do: 'up', link: 'eth0' },
      { do: 'address', link: 'eth0', address: `${ADDRESSES.pod}/24` }, { do: 'address', link: 'eth0', address: `${ADDRESSES.pod6}/64` },
      { do: 'route', via: '10.244.1.1' }, { do: 'route', via: 'fd00:10:244:1::1' },
    ])
    await this.cluster.configure([
      { do: 'up', link: 'lo' }, { do: 'up', link: 'eth0' },
      { do: 'address', link: 'eth0', address: `${ADDRESSES.cluster}/24` }, { do: 'address', link: 'eth0', address: `${ADDRESSES.outside}/24` }, { do: 'address', link: 'eth0', address: `${ADDRESSES.cluster6}/64` },
      { do: 'route', via: '10.244.2.1' }, { do: 'route', via: 'fd00:10:244:2::1' },
      // The resolver's node has an agent too: what arrives there from one of these addresses would be answered to itself.
      ...[ADDRESSES.linkLocal, ADDRESSES.vip, ADDRESSES.linkLocal6, ADDRESSES.vip6].map((address) => ({ do: 'address', link: 'lo', address } as const)),
    ])
  }

  async #startCluster(): Promise<void> {
    const endpoints = Array.from({ length: BIG }, (_, i) => ({ addresses: [`10.250.0.${i + 1}`], conditions: { ready: true } }))
    writeFileSync(join(this.#folder, 'big.json'), JSON.stringify({
      apiVersion: 'v1', kind: 'List', items: [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } },
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'kube-dns-upstream', namespace: 'kube-system' }, spec: { clusterIP: ADDRESSES.upstreamVip, ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] } },
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'kube-dns-upstream-endpoints', namespace: 'kube-system' }, spec: { clusterIP: 'None', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] } },
        ...[{ addressType: 'IPv4', address: ADDRESSES.cluster }, { addressType: 'IPv6', address: ADDRESSES.cluster6 }].map(({ addressType, address }) => (
          { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: `dns-${addressType}`, namespace: 'kube-system', labels: { 'kubernetes.io/service-name': 'kube-dns-upstream-endpoints' } }, addressType, ports: [{ name: 'dns', port: 53, protocol: 'UDP' }], endpoints: [{ addresses: [address], conditions: { ready: true } }] })),
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'big', namespace: 'data' }, spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] } },
        { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'big-1', namespace: 'data', labels: { 'kubernetes.io/service-name': 'big' } }, addressType: 'IPv4', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], endpoints },
      ],
    }))
    this.#residents.push(await Resident.start('outside', this.cluster.spawn(process.execPath, [here('../../hack/lab/upstream.ts'), ADDRESSES.outside, '5353']), /ready/))
    const corefile = join(this.#folder, 'cluster.Corefile')
    const objects = `${here('../../hack/demo/objects')} ${join(this.#folder, 'big.json')}`
    writeFileSync(corefile, readFileSync(here('../../hack/demo/cluster.Corefile'), 'utf8').replace('{$DEMO_OBJECTS}', objects))
    this.#residents.push(await Resident.start('hearth-cluster', this.cluster.spawn(process.execPath, [here('../../cmd/hearth-cluster/main.ts'), '-conf', corefile], this.#environment()), /ready \(/))
  }

  #environment(): Readonly<Record<string, string>> {
    return { DEMO_UPSTREAM: `${ADDRESSES.outside}:5353` }
  }
}
