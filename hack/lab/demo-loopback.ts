/** The demo without the right to make namespaces: both programs on loopback ports, without addresses and rules of the node. */
import { readFileSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Resident } from './resident.ts'
import { play } from './scene.ts'
import { printTour } from './tour.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const once = process.argv.includes('--once')

await play(async (scene) => {
  const why = process.argv.includes('--loopback') ? '' : 'No right to make network namespaces: '
  process.stdout.write(`${why}both programs run on loopback ports. Left out: the link-local address, the cluster's\n`
    + 'DNS address, the rules that bring a pod\'s queries to the node, and the pod\'s own host.\n')
  const [outside, cluster, node, metrics] = await freePorts(4)
  await scene.resident(Resident.spawn('outside', [here('upstream.ts'), '127.0.0.1', String(outside)], {}, /ready/))
  const corefile = readFileSync(here('../demo/cluster.Corefile'), 'utf8').replace(/^\s*(health|ready|prometheus).*\n/gm, '')
  writeFileSync(join(scene.folder, 'cluster.Corefile'), corefile.replace('.:53', `.:${cluster}`))
  const template = readFileSync(here('../demo/node.Corefile.base'), 'utf8').replace(/^\s*health.*\n/gm, '').replaceAll(':53 {', `:${node} {`)
  writeFileSync(join(scene.folder, 'Corefile.base'), template)
  const environment = { DEMO_OBJECTS: here('../demo/objects'), DEMO_UPSTREAM: `127.0.0.1:${outside}`, KUBE_DNS_UPSTREAM_SERVICE_HOST: `127.0.0.1:${cluster}` }
  await scene.resident(Resident.spawn('hearth-cluster', [here('../../cmd/hearth-cluster/main.ts'), '-conf', join(scene.folder, 'cluster.Corefile')], environment, /ready \(/))
  await scene.resident(Resident.spawn('hearth-node', [
    here('../../cmd/hearth-node/main.ts'), '-localip', '127.0.0.1', '-basecorefile', join(scene.folder, 'Corefile.base'), '-conf', join(scene.folder, 'Corefile'), '-dns.port', String(node),
    '-upstreamsvc', 'kube-dns-upstream', '-setupinterface=false', '-setupiptables=false', '-prometheus-listen-address', `127.0.0.1:${metrics}`, '-metrics-listen-address', '',
  ], environment, /ready \(/))
  const local = { spawn: (command: string, args: readonly string[]) => spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }) }
  const status = await printTour(local, { server: '127.0.0.1', port: node!, metrics: `http://127.0.0.1:${metrics}/metrics`, cluster: `127.0.0.1:${cluster}`, outside: `127.0.0.1:${outside}` })
  if (!once) process.stdout.write(`\nUp. Ask for yourself: dig -p ${node} @127.0.0.1 web.shop.svc.cluster.local\nCtrl-C ends it and leaves nothing behind.\n`)
  return status
}, { stay: !once })

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve(server))
  })))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
