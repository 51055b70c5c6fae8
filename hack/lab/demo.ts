/**
 * The demo of hack/run.sh: three hosts made of network namespaces (this process stands in the node's), both programs on the demo's
 * manifests, a tour of questions as a pod asks them. `--once` ends after the tour.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Nftables } from '../../src/netlink/nftables.ts'
import { configure } from './configure.ts'
import type { Host } from './host.ts'
import { Resident } from './resident.ts'
import { play, type Scene } from './scene.ts'
import { printTour } from './tour.ts'

const NODE_IPS = { linkLocal: '169.254.20.10', vip: '10.96.0.10' }
const UPSTREAM_VIP = '10.96.0.11'
const POD = '10.244.1.5'
const CLUSTER = '10.244.2.10'
const OUTSIDE = '10.244.2.20'
const OUTSIDE_PORT = 5353
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const once = process.argv.includes('--once')

await play(async (scene) => {
  const pod = await scene.host('pod')
  const cluster = await scene.host('cluster')
  await wire(pod, cluster)
  await startPrograms(scene, cluster)
  const status = await printTour(pod, { server: NODE_IPS.vip, port: 53, metrics: 'http://127.0.0.1:9253/metrics', cluster: `${UPSTREAM_VIP}:53`, outside: `${OUTSIDE}:${OUTSIDE_PORT}` })
  await printRules()
  if (!once) invite(pod)
  return status
}, { stay: !once })

/** pod (10.244.1.5) — node (this namespace) — cluster (10.244.2.10), with kube-proxy's translation of the DNS addresses. */
async function wire(pod: Host, cluster: Host): Promise<void> {
  process.stdout.write(`Three hosts in network namespaces: pod ${POD}, node, cluster ${CLUSTER}\n`)
  await configure([
    { do: 'up', link: 'lo' },
    { do: 'veth', link: 'to-pod', peer: 'eth0', pid: pod.pid },
    { do: 'veth', link: 'to-cluster', peer: 'eth0', pid: cluster.pid },
    { do: 'address', link: 'to-pod', address: '10.244.1.1/24' },
    { do: 'address', link: 'to-cluster', address: '10.244.2.1/24' },
    { do: 'up', link: 'to-pod' },
    { do: 'up', link: 'to-cluster' },
    // A node has a default route; without one a packet to a Service's address has nowhere to go before it is translated.
    { do: 'route', via: CLUSTER },
    { do: 'forward' },
    { do: 'dnat', services: [{ vip: NODE_IPS.vip, endpoint: CLUSTER }, { vip: UPSTREAM_VIP, endpoint: CLUSTER }] },
  ])
  await pod.configure([{ do: 'up', link: 'lo' }, { do: 'up', link: 'eth0' }, { do: 'address', link: 'eth0', address: `${POD}/24` }, { do: 'route', via: '10.244.1.1' }])
  await cluster.configure([
    { do: 'up', link: 'lo' },
    { do: 'up', link: 'eth0' },
    { do: 'address', link: 'eth0', address: `${CLUSTER}/24` },
    { do: 'address', link: 'eth0', address: `${OUTSIDE}/24` },
    { do: 'route', via: '10.244.2.1' },
  ])
}

async function startPrograms(scene: Scene, cluster: Host): Promise<void> {
  await scene.resident(Resident.start('outside', cluster.spawn(process.execPath, [here('upstream.ts'), OUTSIDE, String(OUTSIDE_PORT)]), /ready/))
  const environment = { DEMO_OBJECTS: here('../demo/objects'), DEMO_UPSTREAM: `${OUTSIDE}:${OUTSIDE_PORT}` }
  const clusterCorefile = here('../demo/cluster.Corefile')
  await scene.resident(Resident.start('hearth-cluster', cluster.spawn(process.execPath, [here('../../cmd/hearth-cluster/main.ts'), '-conf', clusterCorefile], environment), /ready \(/))
  await scene.resident(Resident.spawn('hearth-node', [
    here('../../cmd/hearth-node/main.ts'), '-localip', `${NODE_IPS.linkLocal},${NODE_IPS.vip}`, '-basecorefile', here('../demo/node.Corefile.base'),
    '-conf', join(scene.folder, 'Corefile'), '-upstreamsvc', 'kube-dns-upstream', '-pidfile', join(scene.folder, 'hearth-node.pid'),
  ], { ...environment, KUBE_DNS_UPSTREAM_SERVICE_HOST: UPSTREAM_VIP }, /rules in force/))
}

async function printRules(): Promise<void> {
  const nftables = new Nftables()
  process.stdout.write('\nRules in force on the node (nftables):\n')
  for (const table of (await nftables.tables('inet')).filter((name) => name.startsWith('hearth'))) {
    process.stdout.write(`  table inet ${table}\n`)
    for (const rule of await nftables.rules('inet', table)) process.stdout.write(`    ${rule.chain.padEnd(10)} ${rule.comment}\n`)
  }
  nftables.close()
}

function invite(pod: Host): void {
  // In a user namespace of the demo's own the way to the pod leads through it.
  const user = process.env.HEARTH_DEMO_USERNS === undefined ? '' : `--preserve-credentials --user=/proc/${process.pid}/ns/user `
  process.stdout.write(`\nUp. Ask for yourself from another terminal, as the pod:\n  nsenter ${user}--net=/proc/${pod.pid}/ns/net dig @${NODE_IPS.vip} web.shop.svc.cluster.local\nCtrl-C ends it and leaves nothing behind.\n`)
}
